use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use decipher::data::sample as digits;
use decipher::image::GrayImage;
use decipher::recognizer::Recognizer;
use decipher::report::Report;
use decipher::vision::{Limits, decode, encode_png};
use serde_json::{Value, json};

use crate::client::{Client, sample};

#[tokio::test]
async fn a_picture_is_read_however_it_is_sent() {
    let client = Client::new(|_| ());
    let bytes = sample("number.jpg");
    let picture = decode(&bytes, &Limits::default()).unwrap();
    let reading = Recognizer::bundled().read(&picture);
    let want = |file: Option<&str>| {
        serde_json::to_value(Report::new(file.map(Into::into), &picture, &reading)).unwrap()
    };

    let raw =
        client.ask("POST", "/v1/read", &[("content-type", "text/plain")], bytes.clone()).await;
    assert_eq!((raw.status.as_u16(), raw.json()), (200, want(None)));
    assert_eq!(raw.json()["text"], "314159");

    let base64 = STANDARD.encode(&bytes);
    for picture in [base64.clone(), format!("data:image/jpeg;base64,{base64}")] {
        let answer = client.post("/v1/read", json!({ "picture": picture, "file": "n.jpg" })).await;
        assert_eq!(answer.json(), want(Some("n.jpg")));
    }

    let mut form = b"--x\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n--x\r\n\
        Content-Disposition: form-data; name=\"p\"; filename=\"n.jpg\"\r\n\r\n"
        .to_vec();
    form.extend(&bytes);
    form.extend(b"\r\n--x--\r\n");
    let kind = [("content-type", "multipart/form-data; boundary=x")];
    assert_eq!(client.ask("POST", "/v1/read", &kind, form).await.json(), want(Some("n.jpg")));
}

#[tokio::test]
async fn what_the_network_saw_comes_with_the_answer() {
    let client = Client::new(|_| ());
    let answer = client
        .ask("POST", "/v1/read?glyphs=true&stages=true", &[], sample("chalk.png"))
        .await
        .json();
    assert_eq!(answer["text"], "8061");
    let glyphs = answer["glyphs"].as_array().unwrap();
    assert_eq!(glyphs.len(), 4);
    for (glyph, digit) in glyphs.iter().zip(answer["lines"][0]["digits"].as_array().unwrap()) {
        assert_eq!(glyph["box"], digit["box"]);
        let p = &glyph["probabilities"][digit["digit"].as_u64().unwrap() as usize];
        assert_eq!(*p, digit["confidence"]);
        assert_eq!(STANDARD.decode(glyph["pixels"].as_str().unwrap()).unwrap().len(), 784);
    }
    let stages = answer["stages"].as_array().unwrap();
    let mask =
        stages.iter().find(|stage| stage["name"].as_str().unwrap().ends_with("mask")).unwrap();
    let picture = mask["picture"].as_str().unwrap();
    let png = STANDARD.decode(picture.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
    assert!(decode(&png, &Limits::default()).unwrap().pixels().contains(&0));
    let all =
        client.ask("POST", "/v1/read?min_confidence=1", &[], sample("number.jpg")).await.json();
    assert!(!all["unsure"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn every_refusal_has_one_shape_and_says_what_to_do() {
    let client = Client::new(|config| config.max_body = 100_000);
    // A few bytes that unpack to more than is taken.
    let bomb = encode_png(&GrayImage::filled(20_001, 20, 255));
    let cut = sample("number.jpg")[..3_000].to_vec();
    type Headers = &'static [(&'static str, &'static str)];
    let json: Headers = &[("content-type", "application/json")];
    type Case = (&'static str, &'static str, Headers, Vec<u8>, u16, &'static str);
    let cases: Vec<Case> = vec![
        ("GET", "/nowhere", &[], vec![], 404, "not_found"),
        ("DELETE", "/v1/read", &[], vec![], 405, "method_not_allowed"),
        ("POST", "/v1/read", &[], vec![], 400, "empty"),
        ("POST", "/v1/read", &[], b"hello".to_vec(), 415, "unknown_format"),
        ("POST", "/v1/read", &[], cut, 422, "damaged"),
        ("POST", "/v1/read", &[], bomb, 413, "too_many_pixels"),
        ("POST", "/v1/read", &[], vec![0; 100_001], 413, "too_large"),
        ("POST", "/v1/read", json, b"{".to_vec(), 400, "malformed"),
        ("POST", "/v1/read", json, b"{\"picture\":\"?\"}".to_vec(), 400, "malformed"),
        ("POST", "/v1/read", &[("content-type", "multipart/form-data")], vec![], 400, "malformed"),
        ("POST", "/v1/read?model=x", &[], vec![], 404, "not_found"),
        ("POST", "/v1/read?modle=x", &[], vec![], 400, "malformed"),
        ("POST", "/v1/read?min_confidence=nan", &[], vec![], 400, "malformed"),
        ("GET", "/v1/models/x", &[], vec![], 404, "not_found"),
        ("GET", "/v1/models/%ff", &[], vec![], 400, "malformed"),
        ("PUT", "/v1/models/a%20b", &[], vec![1], 422, "invalid"),
        ("PUT", "/v1/models/new", &[], vec![1], 422, "invalid"),
        ("PUT", "/v1/models/default", &[], vec![1], 409, "conflict"),
        ("DELETE", "/v1/models/default", &[], vec![], 409, "conflict"),
        ("GET", "/v1/models/default/weights?layer=1", &[], vec![], 422, "invalid"),
        ("GET", "/v1/runs/1", &[], vec![], 404, "not_found"),
        ("GET", "/v1/runs/x", &[], vec![], 400, "malformed"),
        ("POST", "/v1/train", &[], b"{}".to_vec(), 422, "invalid"),
        ("POST", "/v1/train", &[], b"{\"recipe\":\"/etc/passwd.toml\"}".to_vec(), 422, "invalid"),
        ("GET", "/", &[("origin", "http://evil.example")], vec![], 403, "origin_refused"),
    ];
    for (method, path, headers, body, status, code) in cases {
        let answer = client.ask(method, path, headers, body).await;
        let problem = answer.json();
        assert_eq!(
            (answer.status.as_u16(), &problem["code"]),
            (status, &code.into()),
            "{path}: {problem}"
        );
        for part in ["error", "advice"] {
            assert!(problem[part].as_str().is_some_and(|text| text.len() > 5), "{path}: {problem}");
        }
        assert!(answer.headers["content-type"].to_str().unwrap().starts_with("application/json"));
        assert!(answer.headers.contains_key("content-security-policy"));
    }
}

#[tokio::test]
async fn only_who_has_the_token_may_change_something() {
    let client = Client::new(|config| config.token = Some("secret".into()));
    for (method, path) in [
        ("POST", "/v1/train"),
        ("POST", "/v1/teach"),
        ("POST", "/v1/runs/1"),
        ("DELETE", "/v1/runs/1"),
        ("PUT", "/v1/models/new"),
        ("DELETE", "/v1/models/new"),
        ("POST", "/v1/models/default/use"),
        ("POST", "/v1/models/default/changed"),
    ] {
        let answer = client.ask(method, path, &[], "").await;
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(answer.json()["code"], "token_needed");
        let shown = [("authorization", "Bearer secret")];
        assert_ne!(client.ask(method, path, &shown, "").await.status, 401, "{path}");
        let shown = [("authorization", "bearer secret")];
        assert_ne!(client.ask(method, path, &shown, "").await.status, 401, "{path}");
    }
    assert_eq!(client.ask("POST", "/v1/read", &[], sample("digit.png")).await.status, 200);
}

#[tokio::test]
async fn models_come_and_go() {
    let client = Client::new(|_| ());
    let file = client.get("/v1/models/default/file").await.bytes;
    assert_eq!(client.ask("PUT", "/v1/models/copy", &[], file).await.status, 204);
    assert_eq!(client.post("/v1/models/copy/use", Value::Null).await.status, 204);
    let model = client.get("/v1/models/copy").await.json();
    assert_eq!((&model["reads"], &model["origin"]), (&true.into(), &"uploaded".into()));
    let layers = model["layers"].as_array().unwrap();
    assert_eq!(
        (&layers[0]["kind"], layers.last().unwrap()["shape"][2].as_u64() >= Some(10)),
        (&"conv".into(), true)
    );
    assert_eq!(client.ask("DELETE", "/v1/models/copy", &[], "").await.status, 204);
    let all = client.get("/v1/models").await.json();
    assert_eq!((all.as_array().unwrap().len(), &all[0]["reads"]), (1, &true.into()));
}

#[tokio::test]
async fn where_there_is_no_room_for_its_model_no_run_begins() {
    let client = Client::new(|_| ());
    let file = client.get("/v1/models/default/file").await.bytes;
    for i in 1..64 {
        let path = format!("/v1/models/copy-{i}");
        assert_eq!(client.ask("PUT", &path, &[], file.clone()).await.status, 204);
    }
    let answer = client.post("/v1/train", json!({"recipe": "tutorial", "epochs": 1})).await;
    assert_eq!(answer.status, 409);
    assert_eq!(answer.json()["code"], "too_many");
    assert_eq!(client.get("/v1/runs").await.json(), json!([]));
    assert_eq!(client.ask("DELETE", "/v1/models/copy-1", &[], "").await.status, 204);
    let answer = client.post("/v1/train", json!({"recipe": "tutorial", "epochs": 1})).await;
    assert_eq!(answer.status, 202);
}

#[tokio::test]
async fn the_open_inference_protocol_is_spoken() {
    let client = Client::new(|_| ());
    for path in ["/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/default/ready"] {
        assert_eq!(client.get(path).await.status, 200, "{path}");
    }
    let digits = digits().range(0..20);
    let bytes: Vec<f32> = digits.images().iter().map(|&p| f32::from(p)).collect();
    let shares: Vec<f32> = bytes.iter().map(|p| p / 255.0).collect();
    let nested: Vec<Vec<&[f32]>> =
        bytes.chunks(784).map(|image| image.chunks(28).collect()).collect();
    for input in [
        json!({ "name": "pixels", "datatype": "UINT8", "shape": [20, 784], "data": bytes }),
        json!({ "name": "pixels", "datatype": "FP32", "shape": [20, 28, 28], "data": shares }),
        json!({ "name": "pixels", "datatype": "UINT8", "shape": [20, 28, 28], "data": nested }),
    ] {
        let asked = json!({ "id": "7", "inputs": [input] });
        let answer = client.post("/v2/models/default/infer", asked).await.json();
        assert_eq!((&answer["id"], &answer["model_name"]), (&"7".into(), &"default".into()));
        let [probabilities, read] = &answer["outputs"].as_array().unwrap()[..] else { panic!() };
        assert_eq!((&probabilities["shape"], &read["shape"]), (&json!([20, 10]), &json!([20])));
        let right = read["data"].as_array().unwrap().iter().zip(digits.labels());
        assert!(right.filter(|(read, label)| **read == json!(label)).count() >= 19);
    }
    let wrong = json!({ "inputs": [{ "name": "pixels", "datatype": "UINT8", "shape": [1, 784], "data": [300] }] });
    assert_eq!(client.post("/v2/models/default/infer", wrong).await.status, 422);
}

#[tokio::test]
async fn one_can_look_inside() {
    let client = Client::new(|_| ());
    let pixels = STANDARD.encode(digits().image(0));
    let path = "/v1/models/default/inside";
    let inside = client.post(path, json!({ "pixels": pixels })).await.json();
    assert_eq!(inside["digit"], 5);
    assert_eq!(inside["influence"].as_array().unwrap().len(), 784);
    // The arithmetic of a neuron of the last layer, done by hand.
    let weights = client.get("/v1/models/default/weights?layer=19&from=3&count=1").await.json();
    let number = |v: &Value| v.as_f64().unwrap();
    let inputs = inside["layers"][18].as_array().unwrap();
    let products = weights["weights"][0].as_array().unwrap().iter().zip(inputs);
    let sum: f64 = products.map(|(w, x)| number(w) * number(x)).sum();
    assert!((sum + number(&weights["biases"][0]) - number(&inside["layers"][19][3])).abs() < 1e-2);

    let evaluate = "/v1/models/default/evaluate";
    let whole = client.post(evaluate, json!({})).await.json();
    assert_eq!((&whole["count"], &whole["seen"]), (&750.into(), &true.into()));
    let off: Vec<_> =
        (0..150).map(|unit| json!({ "layer": 16, "unit": unit, "scale": 0 })).collect();
    let less = client.post(evaluate, json!({ "changes": off })).await.json();
    assert!(number(&less["accuracy"]) < number(&whole["accuracy"]));
    // The surer it must be, the less it answers, and the more of that is right.
    let thresholds = whole["thresholds"].as_array().unwrap();
    assert_eq!((thresholds.len(), &thresholds[0]["answered"]), (21, &750.into()));
    assert_eq!(thresholds[0]["right"], whole["right"]);
    let fewer =
        thresholds.windows(2).all(|w| number(&w[0]["answered"]) >= number(&w[1]["answered"]));
    let wrong = |t: &Value| number(&t["answered"]) - number(&t["right"]);
    assert!(fewer && wrong(&thresholds[20]) < wrong(&thresholds[0]));
    let noisy = json!({ "distortion": "noise", "amount": 0.6 });
    let noisy = client.post(evaluate, noisy).await.json();
    assert!(number(&noisy["accuracy"]) < number(&whole["accuracy"]) - 0.2);
    let beyond = json!({ "distortion": "noise", "amount": 60 });
    assert_eq!(client.post(evaluate, beyond).await.status, 422);
    let bins = whole["reliability"].as_array().unwrap();
    assert_eq!(bins.iter().map(|bin| bin["count"].as_u64().unwrap()).sum::<u64>(), 750);

    let curve = client
        .post("/v1/models/default/robustness", json!({ "distortion": "rotation" }))
        .await
        .json();
    let at = |amount: f64| {
        let points = curve.as_array().unwrap();
        number(&points.iter().find(|p| number(&p["amount"]) == amount).unwrap()["accuracy"])
    };
    assert!(at(0.0) > 0.97 && at(60.0) < at(0.0) - 0.1);
    let map = async |by: &str| {
        let asked = json!({ "layer": 17, "by": by });
        client.post("/v1/models/default/map", asked).await.json().as_array().unwrap().clone()
    };
    let (pca, tsne) = (map("pca").await, map("tsne").await);
    assert_eq!((pca.len(), tsne.len()), (600, 600));
    // By t-SNE almost every digit lies beside one of its kind.
    let alone = |map: &[Value]| {
        let far = |a: &Value, b: &Value| {
            (number(&a["x"]) - number(&b["x"])).powi(2)
                + (number(&a["y"]) - number(&b["y"])).powi(2)
        };
        let nearest = |a: &Value| {
            let others = map.iter().filter(|b| b["index"] != a["index"]);
            others.min_by(|b, c| far(a, b).total_cmp(&far(a, c))).unwrap()["label"].clone()
        };
        map.iter().filter(|a| nearest(a) != a["label"]).count()
    };
    assert!(alone(&tsne) < 30 && alone(&tsne) < alone(&pca), "{} {}", alone(&tsne), alone(&pca));
}

#[tokio::test]
async fn a_changed_network_is_kept() {
    let client = Client::new(|_| ());
    let path = "/v1/models/default/changed";
    let change = json!({ "layer": 19, "unit": 3, "scale": 0, "shift": 2.5 });
    let keep = async |name: &str, change: &Value| {
        client.post(path, json!({ "name": name, "changes": [change] })).await.status.as_u16()
    };
    assert_eq!(keep("three", &change).await, 204);
    // Whatever it sees, the score of the 3 is now the shift.
    let pixels = STANDARD.encode(digits().image(0));
    let seen = client.post("/v1/models/three/inside", json!({ "pixels": pixels })).await.json();
    assert!((seen["layers"][19][3].as_f64().unwrap() - 2.5).abs() < 1e-3);
    assert_eq!(client.get("/v1/models/three").await.json()["origin"], "changed");
    assert_eq!(keep("default", &change).await, 409);
    assert_eq!(keep("a b", &change).await, 422);
    assert_eq!(keep("none", &json!({ "layer": 2, "unit": 0 })).await, 422);

    let spread = client.get("/v1/models/three/spread").await.json();
    let layers: Vec<u64> =
        spread.as_array().unwrap().iter().map(|s| s["layer"].as_u64().unwrap()).collect();
    assert_eq!(layers, [0, 3, 6, 10, 13, 16, 19]);
    let counts = spread[6]["counts"].as_array().unwrap();
    assert_eq!(counts.len(), 41);
    assert_eq!(counts.iter().map(|n| n.as_u64().unwrap()).sum::<u64>(), 192 * 11);
    // The 192 weights that are 0 now are in the middle.
    assert!(counts[20].as_u64() >= Some(192));
}

#[tokio::test]
async fn noise_and_pruning_cost_accuracy_and_are_kept() {
    let client = Client::new(|_| ());
    let right = async |model: &str, damage: Value| {
        let path = format!("/v1/models/{model}/evaluate");
        let report = client.post(&path, json!({ "damage": damage })).await.json();
        report["right"].as_u64().unwrap()
    };
    let whole = right("default", json!({})).await;
    assert!(right("default", json!({ "noise": 2, "seed": 1 })).await < whole);
    assert!(right("default", json!({ "prune": 0.9 })).await < whole);
    let damage = json!({ "noise": 0.5, "prune": 0.6, "seed": 7 });
    let asked = json!({ "name": "hurt", "changes": [], "damage": damage });
    assert_eq!(client.post("/v1/models/default/changed", asked).await.status, 204);
    assert_eq!(right("hurt", json!({})).await, right("default", damage).await);
    // What is shown of a damaged network are its own weights.
    let weights = async |path: &str| client.get(path).await.json()["weights"].clone();
    let shown = weights("/v1/models/default/weights?layer=3&noise=0.5&prune=0.6&seed=7").await;
    assert_eq!(shown, weights("/v1/models/hurt/weights?layer=3").await);
    for damage in [json!({ "noise": -1 }), json!({ "prune": 1.5 })] {
        let answer = client.post("/v1/models/default/evaluate", json!({ "damage": damage })).await;
        assert_eq!(answer.status, 422);
    }
}

#[tokio::test]
async fn what_is_learned_from_can_be_looked_at() {
    let client = Client::new(|_| ());
    let all = client.get("/v1/digits/training").await.json();
    let counts = all["digits"].as_array().unwrap().iter().map(|d| d["count"].as_u64().unwrap());
    assert_eq!((counts.sum::<u64>(), &all["total"]), (5_000, &5_000.into()));
    let pixels = all["pixels"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap());
    assert_eq!(pixels.sum::<u64>(), 5_000 * 784);

    let path = "/v1/train/preview";
    let shown = async |asked: Value| client.post(path, asked).await.json();
    let plain = shown(json!({ "recipe": "tutorial-97" })).await;
    assert_eq!(plain.as_array().unwrap().len(), 24);
    assert_eq!(plain[3]["pixels"], STANDARD.encode(digits().image(3)));
    let dense = shown(json!({ "recipe": "dense" })).await;
    assert_ne!(dense[3]["pixels"], plain[3]["pixels"]);
    assert_ne!(dense, shown(json!({ "recipe": "dense", "epoch": 1 })).await);
    // A quarter of what the reader learns from is no digit.
    let reader = shown(json!({ "recipe": "reader" })).await;
    assert!(reader.as_array().unwrap().iter().any(|example| example["label"] == 10));
    assert_eq!(client.post(path, json!({ "recipe": "x" })).await.status, 422);
}

#[tokio::test]
async fn the_page_is_small_and_keeps_the_content_policy() {
    let client = Client::new(|_| ());
    let index = client.get("/").await;
    let html = String::from_utf8(index.bytes).unwrap();
    assert!(
        index.headers["content-security-policy"].to_str().unwrap().contains("script-src 'self'")
    );
    assert!(!html.contains("style=") && !html.contains(" onclick") && !html.contains("<style"));
    assert!(
        html.matches("<script").count() == html.matches("<script type=\"module\" src=").count()
    );
    // Everything that is imported is there.
    let mut wanted = vec!["app.js".to_owned(), "style.css".into(), "icon.svg".into()];
    let (mut at, mut total, mut packed) = (0, html.len(), 0);
    while at < wanted.len() {
        let path = format!("/{}", wanted[at]);
        let file = client.get(&path).await;
        assert_eq!(file.status, 200, "{path}");
        let text = String::from_utf8(file.bytes).unwrap();
        for import in text.split("from \"./").skip(1) {
            let name = import.split('"').next().unwrap().to_owned();
            if !wanted.contains(&name) {
                wanted.push(name);
            }
        }
        total += text.len();
        let gzip = client.ask("GET", &path, &[("accept-encoding", "br, gzip")], "").await;
        assert_eq!(gzip.headers["content-encoding"], "gzip");
        packed += gzip.bytes.len();
        let tag = gzip.headers["etag"].to_str().unwrap();
        let again = client.ask("GET", &path, &[("if-none-match", tag)], "").await;
        assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0));
        at += 1;
    }
    assert!(total <= 300_000 && packed <= 100_000, "{total} bytes, packed {packed}");
}

#[tokio::test]
async fn the_description_and_the_counters_tell_what_there_is() {
    let client = Client::new(|_| ());
    let api = client.get("/openapi.json").await.json();
    assert!(api["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(api["paths"]["/v1/read"]["post"]["responses"]["503"].is_object());
    assert!(api["components"]["schemas"]["Problem"]["properties"]["advice"].is_object());
    client.ask("POST", "/v1/read", &[], sample("number.jpg")).await;
    client.get("/a/b/c").await;
    let text = String::from_utf8(client.get("/metrics").await.bytes).unwrap();
    for line in [
        "decipher_digits_total 6",
        "decipher_requests_total{method=\"POST\",route=\"/v1/read\",status=\"200\"} 1",
        "decipher_requests_total{method=\"GET\",route=\"(none)\",status=\"404\"} 1",
        "# EOF",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} in {text}");
    }
}
