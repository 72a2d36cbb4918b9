//! Places in a plane for rows of many values: by the directions in which they differ most (PCA),
//! or so that near rows stay near (t-SNE).

use rayon::prelude::*;

/// The two directions in which `rows` (all of one length) differ most, and each row's place along
/// them, relative to the middle of all. Fewer than two rows all lie at 0.
pub fn principal_plane(rows: &[Vec<f32>]) -> Vec<[f32; 2]> {
    let Some(width) = rows.first().map(Vec::len) else { return vec![] };
    let mut mean = vec![0.0f32; width];
    for row in rows {
        mean.iter_mut().zip(row).for_each(|(m, v)| *m += v / rows.len() as f32);
    }
    let mut centred: Vec<Vec<f32>> =
        rows.iter().map(|row| row.iter().zip(&mean).map(|(v, m)| v - m).collect()).collect();
    let mut places = vec![[0.0; 2]; rows.len()];
    for axis in 0..2 {
        let direction = main_direction(&centred, axis);
        for (row, place) in centred.iter_mut().zip(&mut places) {
            place[axis] = dot(row, &direction);
            // What is left has nothing along this direction, so the next is perpendicular to it.
            let along = place[axis];
            row.iter_mut().zip(&direction).for_each(|(v, d)| *v -= along * d);
        }
    }
    places
}

/// Rounds of the power iteration; the plane is for the eye.
const ROUNDS: usize = 40;

/// The direction (of length 1) in which centred rows differ most.
fn main_direction(rows: &[Vec<f32>], axis: usize) -> Vec<f32> {
    let mut rng = decipher_nn::Rng::new(axis as u64, &[]);
    let mut direction: Vec<f32> = rows[0].iter().map(|_| rng.normal()).collect();
    for _ in 0..ROUNDS {
        let mut next = vec![0.0; direction.len()];
        for row in rows {
            let along = dot(row, &direction);
            next.iter_mut().zip(row).for_each(|(n, v)| *n += along * v);
        }
        let length = dot(&next, &next).sqrt();
        if length < f32::MIN_POSITIVE {
            break; // the rows do not differ at all
        }
        direction = next.into_iter().map(|v| v / length).collect();
    }
    let length = dot(&direction, &direction).sqrt();
    direction.into_iter().map(|v| v / length).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Neighbours that a row has, about: the perplexity.
const NEIGHBOURS: f64 = 30.0;
/// Steps in all, and those at the beginning in which likeness counts `EARLY` times, so that groups
/// form before they push each other away.
const STEPS: usize = 500;
const FORMING: usize = 100;
const EARLY: f32 = 12.0;

/// Places at which near rows (all of one length) are near: t-SNE, all pairs weighed (van der Maaten
/// and Hinton 2008, "Visualizing Data using t-SNE"). It begins with the [`principal_plane`] instead
/// of with chance (Kobak and Berens 2019), so equal rows give equal places. Distances between
/// groups, and their sizes, mean little. Time and memory grow with the square of the rows.
pub fn neighbour_plane(rows: &[Vec<f32>]) -> Vec<[f32; 2]> {
    let count = rows.len();
    let mut places = principal_plane(rows);
    let along = (places.iter().map(|p| p[0] * p[0]).sum::<f32>() / count.max(1) as f32).sqrt();
    if along < f32::MIN_POSITIVE {
        return places; // no two rows differ
    }
    // So small that at first only likeness counts.
    places.iter_mut().flatten().for_each(|v| *v *= 1e-4 / along);
    let alike = likeness(rows);
    // The rate of Belkina et al. 2019 and the momenta of the paper; the gains are those of Jacobs
    // 1988: larger as long as a place keeps its direction.
    let rate = (count as f32 / EARLY).max(50.0);
    let (mut speed, mut gains) = (vec![[0.0f32; 2]; count], vec![[1.0f32; 2]; count]);
    for step in 0..STEPS {
        let (weight, momentum) = if step < FORMING { (EARLY, 0.5) } else { (1.0, 0.8) };
        let slopes = slopes(&alike, weight, &places);
        for (i, slope) in slopes.iter().enumerate() {
            for axis in 0..2 {
                let (speed, gain) = (&mut speed[i][axis], &mut gains[i][axis]);
                let keeps = (slope[axis] > 0.0) != (*speed > 0.0);
                *gain = if keeps { *gain + 0.2 } else { (*gain * 0.8).max(0.01) };
                *speed = momentum * *speed - rate * *gain * slope[axis];
                places[i][axis] += *speed;
            }
        }
    }
    places
}

/// How alike rows are, row by row; all together is 1.
fn likeness(rows: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let count = rows.len();
    let entropy = NEIGHBOURS.min((count as f64 - 1.0) / 3.0).max(1.0).ln();
    let near = |i: usize| {
        let far: Vec<f64> = rows.iter().map(|row| distance(&rows[i], row)).collect();
        bell(&far, i, entropy)
    };
    let near: Vec<Vec<f64>> = (0..count).into_par_iter().map(near).collect();
    let both = |i: usize, j: usize| ((near[i][j] + near[j][i]) / (2 * count) as f64) as f32;
    (0..count).map(|i| (0..count).map(|j| both(i, j)).collect()).collect()
}

/// Shares of row `i`'s likeness for each row at these distances (squared): a normal distribution as
/// wide as gives them this entropy.
fn bell(far: &[f64], i: usize, entropy: f64) -> Vec<f64> {
    let others = || far.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, d)| *d);
    let nearest = others().fold(f64::MAX, f64::min);
    let mean = others().sum::<f64>() / (far.len() as f64 - 1.0);
    let (mut low, mut high, mut narrow) = (0.0, f64::INFINITY, 1.0 / mean.max(f64::MIN_POSITIVE));
    let mut shares = vec![];
    for _ in 0..60 {
        shares = far.iter().map(|d| (-narrow * (d - nearest)).exp()).collect();
        shares[i] = 0.0;
        let sum: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|p| *p /= sum);
        let now: f64 = shares.iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum();
        if (now - entropy).abs() < 1e-5 {
            break;
        }
        if now > entropy {
            low = narrow
        } else {
            high = narrow
        }
        narrow = if high.is_finite() { (low + high) / 2.0 } else { narrow * 2.0 };
    }
    shares
}

/// By how much the loss grows with each place: `alike` (times `weight`) pulls, nearness in the plane
/// by Student's distribution pushes.
fn slopes(alike: &[Vec<f32>], weight: f32, places: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let of = |(alike, &[x, y]): (&Vec<f32>, &[f32; 2])| {
        let (mut pull, mut push, mut sum) = ([0.0f32; 2], [0.0f32; 2], 0.0f32);
        for (&p, &[u, v]) in alike.iter().zip(places) {
            let (dx, dy) = (x - u, y - v);
            let near = 1.0 / (1.0 + dx * dx + dy * dy);
            let (to, from) = (p * near, near * near);
            pull = [pull[0] + to * dx, pull[1] + to * dy];
            push = [push[0] + from * dx, push[1] + from * dy];
            sum += near;
        }
        (pull, push, sum - 1.0) // itself is no neighbour
    };
    let forces: Vec<_> = alike.par_iter().zip(places).map(of).collect();
    // Added in order, whoever computed them.
    let all: f32 = forces.iter().map(|(.., sum)| sum).sum::<f32>().max(f32::MIN_POSITIVE);
    let slope = |(pull, push, _): &([f32; 2], [f32; 2], f32)| {
        [0, 1].map(|axis| 4.0 * (weight * pull[axis] - push[axis] / all))
    };
    forces.iter().map(slope).collect()
}

/// The distance between two rows, squared. In lanes, which the compiler makes vectors of.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    const LANES: usize = 16;
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = a.remainder().iter().zip(b.remainder()).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
    let mut sums = [0.0f32; LANES];
    for (a, b) in a.zip(b) {
        for lane in 0..LANES {
            sums[lane] += (a[lane] - b[lane]) * (a[lane] - b[lane]);
        }
    }
    f64::from(rest + sums.iter().sum::<f32>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plane_holds_the_largest_differences() {
        // A long cloud along (1, 1, 0), a short one along (1, -1, 0), almost nothing along z.
        let mut rng = decipher_nn::Rng::new(1, &[]);
        let rows: Vec<Vec<f32>> = (0..500)
            .map(|_| {
                let (a, b, c) = (9.0 * rng.normal(), 3.0 * rng.normal(), 0.1 * rng.normal());
                vec![a + b + 5.0, a - b, c]
            })
            .collect();
        let places = principal_plane(&rows);
        let spread =
            |axis: usize| (places.iter().map(|p| p[axis] * p[axis]).sum::<f32>() / 500.0).sqrt();
        assert!((spread(0) / (9.0 * 2f32.sqrt()) - 1.0).abs() < 0.1, "{}", spread(0));
        assert!((spread(1) / (3.0 * 2f32.sqrt()) - 1.0).abs() < 0.1, "{}", spread(1));
        assert!(principal_plane(&[]).is_empty());
        assert!(principal_plane(&vec![vec![1.0; 3]; 4]).iter().flatten().all(|v| v.abs() < 1e-6));
    }

    #[test]
    fn groups_stay_together() {
        // Twelve groups in twenty dimensions, which no two directions part.
        let mut rng = decipher_nn::Rng::new(2, &[]);
        let middles: Vec<Vec<f32>> =
            (0..12).map(|_| (0..20).map(|_| 2.0 * rng.normal()).collect()).collect();
        let rows: Vec<Vec<f32>> =
            (0..240).map(|i| middles[i % 12].iter().map(|m| m + rng.normal()).collect()).collect();
        let strangers = |places: &[[f32; 2]]| {
            let nearest = |i: usize| {
                let far = |j: usize| {
                    (places[i][0] - places[j][0]).powi(2) + (places[i][1] - places[j][1]).powi(2)
                };
                let others = (0..240).filter(|j| *j != i);
                others.min_by(|&a, &b| far(a).total_cmp(&far(b))).unwrap()
            };
            (0..240).filter(|&i| nearest(i) % 12 != i % 12).count()
        };
        let places = neighbour_plane(&rows);
        assert!(strangers(&principal_plane(&rows)) > 10);
        assert!(strangers(&places) < 3, "{}", strangers(&places));
        assert!(places == neighbour_plane(&rows));
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert!(places == one.install(|| neighbour_plane(&rows)));
    }

    #[test]
    fn few_or_equal_rows_have_places_too() {
        assert!(neighbour_plane(&[]).is_empty());
        assert!(neighbour_plane(&vec![vec![1.0; 3]; 9]).iter().flatten().all(|v| v.abs() < 1e-6));
        for count in 1..6 {
            let mut rows: Vec<Vec<f32>> = (0..count).map(|i| vec![i as f32, 1.0]).collect();
            rows.push(rows[0].clone());
            let places = neighbour_plane(&rows);
            assert!(places.iter().flatten().all(|v| v.is_finite()), "{places:?}");
        }
    }
}
