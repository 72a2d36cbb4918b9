use std::time::{Duration, Instant};

use decipher::data::{Dataset, LabelledDigits, sample};
use decipher::distort::Distortion;
use serde_json::{Value, json};

use crate::client::Client;

/// Asks for the run until `until` holds.
async fn wait(client: &Client, id: u64, until: impl Fn(&Value) -> bool) -> Value {
    let started = Instant::now();
    loop {
        let run = client.get(&format!("/v1/runs/{id}")).await.json();
        if until(&run) {
            return run;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{run}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn is(status: &str) -> impl Fn(&Value) -> bool {
    move |run| run["status"] == status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_steered_from_its_first_epoch_to_its_last() {
    let client = Client::new(|_| ());
    let asked = json!({ "recipe": "tutorial-97", "epochs": 4, "paused": true });
    let started = client.post("/v1/train", asked).await;
    assert_eq!(started.status, 202);
    let run = started.json();
    assert_eq!((&run["status"], &run["train_count"]), (&"paused".into(), &3500.into()));
    let id = run["id"].as_u64().unwrap();
    let path = format!("/v1/runs/{id}");

    // Its first weights are there before the first step.
    let spread = format!("/v1/models/{}/spread", run["model"].as_str().unwrap());
    let deviation = client.get(&spread).await.json()[0]["deviation"].as_f64().unwrap();
    assert!((deviation - (2.0f64 / 784.0).sqrt()).abs() < 0.003, "{deviation}");

    client.post(&path, json!({ "do": "step" })).await;
    let ends = |run: &Value| {
        run["points"].as_array().unwrap().iter().filter(|p| p["accuracy"].is_number()).count()
    };
    let first = wait(&client, id, |run| is("paused")(run) && ends(run) == 1).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(ends(&client.get(&path).await.json()), 1);
    let model = first["model"].as_str().unwrap();
    assert_eq!(client.get(&format!("/v1/models/{model}/weights")).await.status, 200);

    // Without a rate nothing is learned: the accuracy stays what it is.
    client.post(&path, json!({ "do": "step", "rate": 0 })).await;
    let second = wait(&client, id, |run| is("paused")(run) && ends(run) == 2).await;
    let accuracy = |run: &Value, n: usize| {
        let points = run["points"].as_array().unwrap();
        let mut ends = points.iter().filter(|p| p["accuracy"].is_number());
        ends.nth(n).unwrap()["accuracy"].as_f64().unwrap()
    };
    assert_eq!(accuracy(&second, 0), accuracy(&second, 1));
    let moved = |run: &Value| {
        let mut ends = run["points"].as_array().unwrap().iter().filter(|p| p["moved"].is_array());
        ends.next_back().unwrap()["moved"][0]["share"].as_f64().unwrap()
    };
    assert!(moved(&first) > 0.01 && moved(&second) == 0.0);
    client.post(&path, json!({ "do": "go", "rate": 1 })).await;
    let done = wait(&client, id, is("done")).await;
    assert_eq!((ends(&done), &done["done"]), (4, &json!(1.0)));
    assert!(accuracy(&done, 3) > 0.85);
    assert_eq!(client.ask("DELETE", &path, &[], "").await.status, 204);
    assert_eq!(client.get(&path).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_of_a_run_are_changed_while_it_runs() {
    let client = Client::new(|config| config.threads = 1);
    let book = include_str!("../../../../recipes/book-1.toml")
        .replace("\"sigmoid\", \"dense 10\"", "\"sigmoid\", \"dropout 0.1\", \"dense 10\"");
    let asked = json!({ "toml": book, "epochs": 500, "paused": true });
    let run = client.post("/v1/train", asked).await.json();
    let batch = run["settings"]["batch"].as_u64().unwrap();
    let path = format!("/v1/runs/{}", run["id"]);
    let change = json!({ "momentum": 0.5, "weight_decay": 0.001, "dropout": 0.25, "batch": 5,
        "augment": { "noise": 10.0 }, "delay": 0.02 });
    let changed = client.post(&path, change).await.json();
    let settings = &changed["settings"];
    assert_eq!((&settings["batch"], &settings["dropout"]), (&5.into(), &0.25.into()));
    assert_eq!((&settings["augment"]["noise"], &settings["rate"]), (&10.0.into(), &1.0.into()));
    // What is wrong changes nothing.
    let wrong = [
        json!({ "batch": batch + 1 }),
        json!({ "momentum": 1.0 }),
        json!({ "dropout": -0.5 }),
        json!({ "rate": 101 }),
        json!({ "delay": 11 }),
        json!({ "augment": { "noise": 300.0 } }),
    ];
    for wrong in wrong {
        assert_eq!(client.post(&path, wrong.clone()).await.status, 422, "{wrong}");
    }
    assert_eq!(client.get(&path).await.json()["settings"], *settings);
    // It goes on with them, and slowly: fifty points of 20 ms each take a second.
    let started = Instant::now();
    client.post(&path, json!({ "do": "go" })).await;
    let id = run["id"].as_u64().unwrap();
    let far = |run: &Value| run["points"].as_array().unwrap().len() >= 20;
    let running = wait(&client, id, far).await;
    assert!(started.elapsed() >= Duration::from_millis(380), "{:?}", started.elapsed());
    let model = client.get(&format!("/v1/models/{}", running["model"].as_str().unwrap())).await;
    let layers = model.json()["layers"].to_string();
    assert!(layers.contains("dropout 0.25"), "{layers}");
    // Digit by digit there is no momentum; without a dropout layer nothing is dropped.
    let online = json!({ "recipe": "tutorial", "paused": true });
    let path = format!("/v1/runs/{}", client.post("/v1/train", online).await.json()["id"]);
    for (wrong, why) in [("momentum", "one by one"), ("dropout", "no dropout layer")] {
        let refused = client.post(&path, json!({ wrong: 0.5 })).await;
        let error = refused.json()["error"].to_string();
        assert!(refused.status == 422 && error.contains(why), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn own_recipes_are_trained_and_wrong_ones_explained() {
    let client = Client::new(|config| config.threads = 1);
    let recipe = include_str!("../../../../recipes/tutorial-97.toml");
    let start = async |toml: String| client.post("/v1/train", json!({ "toml": toml })).await;
    let wrong = start(recipe.replace("dense 10", "dense 9")).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.json()["error"].as_str().unwrap().contains("10 outputs"));
    let vast = recipe.replace("dense 32", "dense 65536").replace("batch = 1", "batch = 4096");
    assert!(start(vast).await.json()["error"].as_str().unwrap().contains("memory"));

    let line = |line: &str| match line.split(' ').next() {
        Some("learning_rate") => "learning_rate = 900.0\n".to_owned(),
        _ => format!("{line}\n"),
    };
    let book = include_str!("../../../../recipes/book-1.toml").replace("sigmoid", "identity");
    let diverges: String = book.lines().map(line).collect();
    let run = start(diverges).await.json();
    let failed = wait(&client, run["id"].as_u64().unwrap(), is("failed")).await;
    assert!(failed["error"].as_str().unwrap().contains("smaller learning rate"), "{failed}");
    // What is no number is no point of a curve, and no weight to be shown.
    assert!(failed["points"].as_array().unwrap().iter().all(|p| p["loss"].is_number()));
    let weights = format!("/v1/models/{}/weights?layer=0", failed["model"].as_str().unwrap());
    let weights = &client.get(&weights).await.json()["weights"];
    assert!(weights[0].as_array().unwrap().iter().all(Value::is_number), "{weights}");

    // No more at a time than is good.
    let paused = json!({ "recipe": "tutorial", "paused": true });
    let mut last = client.post("/v1/train", paused.clone()).await;
    let mut runs = 1;
    while last.status == 202 {
        last = client.post("/v1/train", paused.clone()).await;
        runs += 1;
        assert!(runs < 100);
    }
    assert_eq!((last.status.as_u16(), &last.json()["code"]), (429, &"too_many_runs".into()));
    for run in client.get("/v1/runs").await.json().as_array().unwrap() {
        client.ask("DELETE", &format!("/v1/runs/{}", run["id"]), &[], "").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hand_is_taught_and_the_reader_kept() {
    let client = Client::new(|_| ());
    let some = sample().range(2_500..2_620);
    let leaning = Distortion::Rotation.apply(some.images(), -50.0);
    let mine = Dataset::new(leaning, some.labels().to_vec()).unwrap();
    let digits = serde_json::to_value(LabelledDigits::from(&mine)).unwrap();
    let run = client.post("/v1/teach", json!({ "digits": digits })).await.json();
    let done = wait(&client, run["id"].as_u64().unwrap(), is("done")).await;
    let lesson = &done["lesson"];
    assert_eq!((&lesson["mine"]["count"], &lesson["learned_from"]), (&30.into(), &90.into()));
    let part = |name: &str, when: &str| lesson[name][when].as_f64().unwrap();
    assert!(part("mine", "after") > part("mine", "before"), "{lesson}");
    assert!(part("others", "after") > part("others", "before") - 0.02, "{lesson}");
    let model = done["model"].as_str().unwrap();
    assert_eq!(client.post(&format!("/v1/models/{model}/use"), Value::Null).await.status, 204);
    let none = json!({ "digits": { "version": 1, "digits": [] } });
    assert_eq!(client.post("/v1/teach", none).await.status, 422);
}
