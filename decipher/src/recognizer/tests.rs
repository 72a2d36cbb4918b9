use super::*;

/// As many glyphs that may be a seven.
pub(super) fn sevens(confidences: &[f32]) -> Vec<Found> {
    let bounds = Rect { x: 0, y: 0, width: 20, height: 20 };
    let glyph = Glyph { bounds, gap_before: false, pixels: [0; 784], pieces: vec![] };
    let probabilities = |&p: &f32| std::array::from_fn(|d| if d == 7 { p } else { 0.0 });
    confidences.iter().map(|p| (glyph.clone(), probabilities(p))).collect()
}

#[test]
fn a_bold_one_out_of_focus_is_read() {
    let (width, height) = (64, 64);
    let ink = |x: f32, y: f32| {
        let stem = (29.0..38.0).contains(&x) && (16.0..48.0).contains(&y);
        // The flag falls to the left.
        let flag = (22.0..30.0).contains(&x) && (0.0..7.0).contains(&(y - 16.0 - 0.6 * (30.0 - x)));
        if stem || flag { 1.0 } else { 0.0 }
    };
    let blurred = |x: usize, y: usize| {
        let around = (-4..=4).flat_map(|dy| (-4..=4).map(move |dx| (dx, dy)));
        let all = around.map(|(dx, dy)| ink((x as i32 + dx) as f32, (y as i32 + dy) as f32));
        all.sum::<f32>() / 81.0
    };
    let pixels = (0..width * height).map(|i| 200 - (130.0 * blurred(i % width, i / width)) as u8);
    let picture = GrayImage::new(width, height, pixels.collect());
    let recognizer = Recognizer::bundled();
    // As it is, the network is unsure of it.
    let layout = vision::single(&picture);
    let p = recognizer.at_a_glance(&layout.lines[0].glyphs[0].pixels)[0];
    assert!(best(&p).1 < SURE, "{p:?}");
    assert_eq!(recognizer.read(&picture).text(), "1");
}

#[test]
fn an_uncertain_glyph_is_what_it_and_its_neighbours_are_on_average() {
    let recognizer = Recognizer::bundled();
    let digits = crate::data::sample();
    let mut uncertain = 0;
    for i in 0..40 {
        // Pale on top of another, so that some are neither.
        let (one, other) = (digits.image(i), digits.image(i + 1));
        let pixels: [u8; 784] = std::array::from_fn(|p| one[p].max(other[p] / 2));
        let [right, left] = vision::moved_aside(&pixels);
        let all = recognizer.model.probabilities(&[pixels, right, left].concat());
        let is_uncertain = UNCERTAIN.contains(&best(&all[0]).1);
        uncertain += usize::from(is_uncertain);
        for (digit, p) in recognizer.probabilities(&pixels)[0].into_iter().enumerate() {
            let mean = all.iter().map(|p| p[digit]).sum::<f32>() / 3.0;
            let expected = if is_uncertain { mean } else { all[0][digit] };
            assert!((p - expected).abs() < 1e-4, "{i}: {p}, not {expected}");
        }
    }
    assert!((5..35).contains(&uncertain), "{uncertain} are uncertain");
}

#[test]
fn digits_cut_out_to_the_edges_of_their_ink_are_read() {
    let (recognizer, digits) = (Recognizer::bundled(), crate::data::sample());
    let read = |i: usize, light_on_dark: bool| {
        let flip = if light_on_dark { 0 } else { 255 };
        let whole = GrayImage::new(28, 28, digits.image(i).iter().map(|v| v ^ flip).collect());
        let inked = |x: usize, y: usize| digits.image(i)[28 * y + x] > 0;
        let columns: Vec<usize> = (0..28).filter(|&x| (0..28).any(|y| inked(x, y))).collect();
        let rows: Vec<usize> = (0..28).filter(|&y| (0..28).any(|x| inked(x, y))).collect();
        let (x, y) = (columns[0], rows[0]);
        let (width, height) = (columns[columns.len() - 1] + 1 - x, rows[rows.len() - 1] + 1 - y);
        let cut_out = whole.crop(&Rect { x, y, width, height });
        recognizer.read(&cut_out).text() == digits.label(i).to_string()
    };
    for light_on_dark in [false, true] {
        let right = (0..100).filter(|&i| read(i, light_on_dark)).count();
        assert!(right >= 95, "{right} of 100 are read, {light_on_dark}");
    }
}

#[test]
fn what_is_reported_changes_neither_boxes_nor_confidences() {
    let mut recognizer = Recognizer::bundled();
    // Its shadow is looked at in several ways.
    let picture = std::fs::read("../samples/number.jpg").unwrap();
    let picture = vision::decode(&picture, &vision::Limits::default()).unwrap();
    let mut all = |least: f32| {
        recognizer.min_confidence = least;
        let reading = recognizer.read(&picture);
        let unsure = reading.unsure.iter().map(|u| (u.bounds, u.candidates[0].1));
        let mut all: Vec<(Rect, f32)> =
            reading.digits().map(|d| (d.bounds, d.confidence)).chain(unsure).collect();
        all.sort_by_key(|(bounds, _)| bounds.x);
        all
    };
    let usual = all(MIN_CONFIDENCE);
    assert!(usual.len() >= 5, "{usual:?}");
    for least in [0.0, 0.5, 0.9, 0.95, 0.99, 1.0] {
        assert_eq!(all(least), usual, "{least}");
    }
}

/// Writes digits of the sample side by side, black on what is there, 28 x 28 pixels each.
fn write(picture: &mut GrayImage, row: &[u8], (left, top): (usize, usize)) {
    let (digits, width) = (crate::data::sample(), picture.width());
    for (n, &digit) in row.iter().enumerate() {
        let i = (0..digits.len()).find(|&i| digits.label(i) == digit).unwrap();
        for (y, row) in digits.image(i).chunks_exact(28).enumerate() {
            let to = &mut picture.pixels_mut()[(top + y) * width + left + 30 * n..][..28];
            let ink = |to: &mut u8, v: &u8| *to = (u32::from(*to) * u32::from(255 - v) / 255) as u8;
            to.iter_mut().zip(row).for_each(|(to, v)| ink(to, v));
        }
    }
}

#[test]
fn digits_of_two_lines_that_paler_ink_joins_stay_in_their_lines() {
    let width = 200;
    let mut picture = GrayImage::filled(width, 110, 255);
    // From the second digit above to the third below.
    for y in 30..80 {
        picture.pixels_mut()[y * width + 60 + y / 2..][..4].fill(110);
    }
    write(&mut picture, &[5, 8, 3, 0], (20, 15));
    write(&mut picture, &[7, 4, 6, 9], (20, 65));
    let (layout, reading) = Recognizer::bundled().explain(&picture, false);
    let tall = layout.lines.iter().flat_map(|line| &line.glyphs).any(|g| g.bounds.height > 50);
    assert!(tall, "nothing joins the lines");
    assert_eq!(reading.text(), "5830\n7469");
    assert!(reading.lines[0].bounds.bottom() < reading.lines[1].bounds.y);
}

#[test]
fn the_grain_of_a_large_picture_is_no_ink_and_hides_none() {
    let (width, height) = (900, 700);
    let mut state = 1u32;
    let mut grain = || {
        // The sum of three is nearly normal, with a standard deviation of 9.
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i32 % 19 - 9
        };
        next() + next() + next()
    };
    let mut picture = GrayImage::filled(width, height, 190);
    write(&mut picture, &[5, 8, 3, 0], (400, 300));
    let mut noisy = GrayImage::filled(width, height, 190);
    for noisy in [&mut noisy, &mut picture] {
        let pixels = noisy.pixels_mut().iter_mut();
        pixels.for_each(|v| *v = (i32::from(*v) + grain()).clamp(0, 255) as u8);
    }
    let recognizer = Recognizer::bundled();
    let blank = recognizer.read(&noisy);
    assert!(blank.lines.is_empty() && blank.unsure.is_empty(), "{}", blank.unsure.len());
    let reading = recognizer.read(&picture);
    assert!(reading.text() == "5830" && reading.unsure.is_empty(), "{}", reading.text());
}

#[test]
fn digits_in_two_halves_are_read_as_one() {
    for (row, digits) in [(15, vec![3]), (40, vec![5, 0, 3, 2])] {
        let width = 200;
        let mut picture = GrayImage::filled(width, 110, 255);
        write(&mut picture, &digits, (20, row));
        // A fold across their middle.
        picture.pixels_mut()[(row + 13) * width..(row + 15) * width].fill(255);
        let pieces = vision::segment(&picture).stages.digits.len();
        assert!(pieces > digits.len(), "nothing parts the digits");
        let text: String = digits.iter().map(u8::to_string).collect();
        assert_eq!(Recognizer::bundled().read(&picture).text(), text);
    }
}

#[test]
fn shadows_sunlight_and_a_thumb_hide_no_digit() {
    let (width, height) = (220, 120);
    // The part of the light that falls on a pixel.
    type Light = fn(f32, f32) -> f32;
    let lights: [(&str, Light); 4] = [
        (
            "a pen's shadow",
            |x, y| {
                if (0.0..22.0).contains(&(x - 50.0 - y / 2.0)) { 0.6 } else { 1.0 }
            },
        ),
        ("the edge of a shadow", |x, y| if x + 0.6 * y > 140.0 { 0.6 } else { 1.0 }),
        (
            "a thumb",
            |x, y| {
                if (x / 220.0 - 1.0).hypot((y - 60.0) / 220.0) < 0.2 { 0.4 } else { 1.0 }
            },
        ),
        ("a sunlit corner", |x, y| if 2.0 * y < x - 160.0 { 1.0 } else { 0.45 }),
    ];
    for (what, light) in lights {
        let paper = |i: usize| (240.0 * light((i % width) as f32, (i / width) as f32)) as u8;
        let mut picture = GrayImage::new(width, height, (0..width * height).map(paper).collect());
        write(&mut picture, &[5, 8, 3, 0], (30, 20));
        write(&mut picture, &[7, 4, 6, 9], (30, 70));
        assert_eq!(Recognizer::bundled().read(&picture).text(), "5830\n7469", "{what}");
    }
}

#[test]
fn the_strokes_of_a_four_are_one_digit_beside_sure_ones() {
    let width = 150;
    let mut picture = GrayImage::filled(width, 48, 255);
    write(&mut picture, &[5, 8], (12, 10));
    // Down and to the right; a gap; the bar.
    for (xs, ys) in [(84..87, 14..25), (84..94, 23..26), (96..99, 14..34)] {
        ys.for_each(|y| picture.pixels_mut()[y * width..][xs.clone()].fill(0));
    }
    let (layout, reading) = Recognizer::bundled().explain(&picture, false);
    assert_eq!(layout.lines[0].glyphs.len(), 4);
    assert_eq!(reading.text().replace(' ', ""), "584");
}

#[test]
fn a_blot_is_not_cut_into_strokes() {
    // A broad pen that goes to and fro until all is black, at three sizes.
    let turns: Vec<[f32; 2]> = (0..60)
        .map(|i| i as f32)
        .map(|i| [0.5 + 0.22 * (i * 1.9).cos(), 0.5 + 0.3 * (i * 2.7).sin()])
        .collect();
    for side in [200usize, 300, 400] {
        let inked = |x: f32, y: f32| {
            turns.windows(2).any(|ends| {
                let [[ax, ay], [bx, by]] = [ends[0], ends[1]].map(|p| p.map(|v| v * side as f32));
                let (dx, dy) = (bx - ax, by - ay);
                let along = ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy);
                let along = along.clamp(0.0, 1.0);
                (x - ax - along * dx).hypot(y - ay - along * dy) < 0.0233 * side as f32
            })
        };
        let ink = |i: usize| inked((i % side) as f32, (i / side) as f32);
        let pixels = (0..side * side).map(|i| if ink(i) { 0 } else { 255 }).collect();
        let picture = GrayImage::new(side, side, pixels);
        assert_eq!(Recognizer::bundled().read(&picture).text(), "", "{side}");
    }
}

#[test]
fn what_lies_on_the_paper_hides_no_digit() {
    let (width, height) = (260, 180);
    let mut paper = GrayImage::filled(width, height, 225);
    write(&mut paper, &[5, 8, 3, 0], (20, 20));
    write(&mut paper, &[7, 4, 6, 9], (20, 70));
    let put = |is_there: &dyn Fn(i32, i32) -> bool| {
        let mut picture = paper.clone();
        for (i, value) in picture.pixels_mut().iter_mut().enumerate() {
            let (x, y) = (i % width, i / width);
            if is_there(x as i32, y as i32) {
                *value = 40;
            }
        }
        picture
    };
    let pen = put(&|x, y| (12..165).contains(&y) && (0..14).contains(&(x - 180 - y / 4)));
    let phone = put(&|x, y| (170..245).contains(&x) && (30..165).contains(&y));
    let recognizer = Recognizer::bundled();
    for (what, picture) in [("a pen", pen), ("a phone", phone)] {
        let usual = recognizer.read_layout(&vision::segment(&picture)).text();
        assert_ne!(usual, "5830\n7469", "{what} is too small to matter");
        assert_eq!(recognizer.read(&picture).text(), "5830\n7469", "{what}");
    }
}

#[test]
fn squared_paper_on_a_dark_table_is_read() {
    let (width, height) = (360, 260);
    let mut sheet = GrayImage::filled(270, 150, 225);
    for (i, value) in sheet.pixels_mut().iter_mut().enumerate() {
        if i % 270 % 15 == 0 || i / 270 % 15 == 0 {
            *value = 180;
        }
    }
    write(&mut sheet, &[5, 8, 3, 0, 2], (30, 30));
    write(&mut sheet, &[7, 4, 6, 9, 5], (30, 90));
    let (sin, cos) = (-0.14f32).sin_cos();
    let value = |i: usize| {
        let (x, y) = ((i % width) as f32 - 180.0, (i / width) as f32 - 130.0);
        let (x, y) = (x * cos + y * sin + 135.0, y * cos - x * sin + 75.0);
        let inside = (0.0..270.0).contains(&x) && (0.0..150.0).contains(&y);
        if inside { sheet.row(y as usize)[x as usize] } else { 60 }
    };
    let picture = GrayImage::new(width, height, (0..width * height).map(value).collect());
    let recognizer = Recognizer::bundled();
    let usual = recognizer.read_layout(&vision::segment(&picture)).text();
    assert_ne!(usual, "58302\n74695", "no line is in the way");
    assert_eq!(recognizer.read(&picture).text(), "58302\n74695");
}
