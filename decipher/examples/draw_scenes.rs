//! Draws a sheet of training pictures: a row of each class, and how fast they are made.
//!
//! `cargo run --release -p decipher --example draw_scenes -- MNIST_DIRECTORY OUT.png`

use std::path::Path;
use std::time::Instant;

use decipher::data::load_mnist;
use decipher::nn::Rng;
use decipher::scene::{self, Examples, NONE, SceneMix, Scenes};
use decipher::vision::encode_png;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut argument = || arguments.next().expect("MNIST_DIRECTORY OUT.png");
    let mnist = load_mnist(Path::new(&argument())).expect("MNIST is read");
    let (pictures, things) = (Examples::default(), Examples::default());
    let mix = SceneMix { share: 1.0, none: 0.3, touching: 0.2 };
    let scenes = Scenes { digits: &mnist.train, pictures: &pictures, things: &things, mix };
    const COLUMNS: usize = 40;
    let mut rows = vec![Vec::new(); 11];
    let (started, mut count) = (Instant::now(), 0);
    while rows.iter().any(|row| row.len() < COLUMNS) {
        let (glyph, class) = scenes.example(count % 60_000, &mut Rng::new(1, &[count as u64]));
        rows[usize::from(class)].push(glyph);
        count += 1;
    }
    println!("{:.3} ms each", 1e3 * started.elapsed().as_secs_f64() / count as f64);
    let others = rows.pop().expect("there are eleven rows");
    let mut glyphs: Vec<_> = rows.iter().flat_map(|row| &row[..COLUMNS]).copied().collect();
    glyphs.extend(others.iter().take(8 * COLUMNS));
    debug_assert_eq!(rows.len(), usize::from(NONE));
    std::fs::write(argument(), encode_png(&scene::sheet(&glyphs, COLUMNS))).expect("it is written");
}
