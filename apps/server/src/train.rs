//! Training and teaching over HTTP.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event as Sent, KeepAlive, Sse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use decipher::augment::Augment;
use decipher::data::{Dataset, LabelledDigits};
use decipher::model::Model;
use decipher::nn::padded;
use decipher::recipe::{RECIPES, Recipe};
use decipher::teach;
use decipher::train::{Options, Settings, Split, TrainError, examples, train, untrained};
use futures_util::{Stream, StreamExt};
use serde::{Deserialize, Serialize};
use tokio_stream::wrappers::{BroadcastStream, WatchStream};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::body::{Asked, At};
use crate::error::{ApiError, Problem};
use crate::guard::Allowed;
use crate::models::Origin;
use crate::runs::{Kind, LessonReport, Order, Reporter, Run, RunState, Status};
use crate::workers::Weight;

/// Memory that one run may take, in bytes.
const MOST_MEMORY: usize = 1 << 30;
/// Most epochs of a run here.
const MOST_EPOCHS: u32 = 1_000;
/// Most own digits in a lesson.
const MOST_DIGITS: usize = 5_000;

/// The addresses of this file.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(recipes))
        .routes(routes!(start))
        .routes(routes!(preview))
        .routes(routes!(lesson))
        .routes(routes!(list))
        .routes(routes!(show, steer, forget))
        .routes(routes!(events))
}

/// A recipe that comes with Decipher.
#[derive(Serialize, ToSchema)]
struct RecipeText {
    name: &'static str,
    description: String,
    /// The recipe itself.
    toml: &'static str,
    /// The same as JSON.
    #[schema(value_type = Object)]
    recipe: serde_json::Value,
}

/// The recipes that come with Decipher.
#[utoipa::path(get, path = "/v1/recipes", tag = "train", responses((status = 200, body = Vec<RecipeText>)))]
async fn recipes() -> Json<Vec<RecipeText>> {
    let text = |&(name, toml): &(&'static str, &'static str)| {
        let description = Recipe::find(name).map(|r| r.description).unwrap_or_default();
        let recipe = toml::from_str(toml).expect("a test reads every recipe");
        RecipeText { name, description, toml, recipe }
    };
    Json(RECIPES.iter().map(text).collect())
}

/// What to train.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TrainRequest {
    /// A recipe's name; or give `toml`.
    recipe: Option<String>,
    /// A recipe's text.
    toml: Option<String>,
    /// Epochs instead of the recipe's.
    #[schema(minimum = 1, maximum = 1000)]
    epochs: Option<u32>,
    /// Another seed gives another network.
    #[serde(default = "one")]
    #[schema(minimum = 0)]
    seed: u64,
    /// Waits to be told to go on.
    #[serde(default)]
    paused: bool,
}

fn one() -> u64 {
    1
}

/// Trains a network from nothing, on MNIST where it is at hand, else on the built-in digits.
#[utoipa::path(post, path = "/v1/train", tag = "train", request_body = TrainRequest,
    responses((status = 202, body = RunState), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 408, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem), (status = 429, body = Problem), (status = 503, body = Problem)),
    security((), ("token" = [])))]
async fn start(
    _: Allowed,
    State(app): State<App>,
    Asked(asked): Asked<TrainRequest>,
) -> Result<(StatusCode, Json<RunState>), ApiError> {
    let recipe = recipe(asked.recipe.as_deref(), asked.toml.as_deref())?;
    let epochs = asked.epochs.unwrap_or(recipe.training.epochs);
    if !(1..=MOST_EPOCHS).contains(&epochs) {
        let error = format!("{epochs} epochs are not 1 to {MOST_EPOCHS}");
        return Err(ApiError::invalid(error, "ask for fewer, or use 'decipher train'"));
    }
    let split = split(&app, &recipe)?;
    // Its first weights can be looked at before the first step.
    let first = untrained(&recipe, split.source, asked.seed);
    let (run, gone) = app.runs.begin(
        Kind::Train,
        &recipe.name,
        recipe.clone(),
        epochs,
        split.train.len(),
        asked.paused,
    )?;
    make_room(&app, &run, gone, &first, Origin::Trained)?;
    let options = Options { epochs: Some(epochs), seed: asked.seed, threads: app.train_threads };
    let state = run.state();
    spawn(app, run, move |app, run| {
        let (runs, models) = (&app.runs, &app.models);
        let mut reporter =
            Reporter::new(runs, run, models, &first, &split.validation, Origin::Trained);
        if reporter.before_the_first().is_break() {
            return Ok((None, true));
        }
        let trained =
            train(&recipe, &split, options, &mut |event, live| reporter.event(event, live))?;
        keep(app, &run.state().model, trained.model, Origin::Trained);
        Ok((None, trained.interrupted))
    });
    Ok((StatusCode::ACCEPTED, Json(state)))
}

/// Takes a place among the models for that of a run, which so is not lost in the end. The model of
/// the run that was forgotten for it is `gone`.
fn make_room(
    app: &App,
    run: &Run,
    gone: Option<String>,
    first: &Model,
    origin: Origin,
) -> Result<(), ApiError> {
    gone.iter().for_each(|model| app.models.release(model));
    app.models.put(&run.state().model, first.clone(), origin).inspect_err(|_| {
        app.runs.end(run, Status::Failed, None, None);
        app.runs.forget(run);
    })
}

/// Keeps the model of a run. That there is no room for it must not end the run.
fn keep(app: &App, name: &str, model: Model, origin: Origin) {
    if let Err(error) = app.models.put(name, model, origin) {
        tracing::warn!(?error, name, "the model of a run was not kept");
    }
}

/// What to show of a recipe.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PreviewRequest {
    /// A recipe's name; or give `toml`.
    recipe: Option<String>,
    /// A recipe's text.
    toml: Option<String>,
    /// The epoch whose distortions are shown, from 0.
    #[serde(default)]
    epoch: u32,
    #[serde(default = "one")]
    #[schema(minimum = 0)]
    seed: u64,
}

/// A training digit as the network sees it.
#[derive(Serialize, ToSchema)]
struct Example {
    /// The digit, or 10 for what is none.
    label: u8,
    /// Base64 of its 784 pixels.
    pixels: String,
}

/// Training digits in a preview.
const EXAMPLES: usize = 24;

/// The first 24 training digits as a recipe shows them: distorted, or photographed.
#[utoipa::path(post, path = "/v1/train/preview", tag = "train", request_body = PreviewRequest,
    responses((status = 200, body = Vec<Example>), (status = 400, body = Problem),
        (status = 408, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
async fn preview(
    State(app): State<App>,
    Asked(asked): Asked<PreviewRequest>,
) -> Result<Json<Vec<Example>>, ApiError> {
    let recipe = recipe(asked.recipe.as_deref(), asked.toml.as_deref())?;
    let split = split(&app, &recipe)?;
    let work = move || {
        let shown = examples(&recipe, &split, asked.seed, asked.epoch, EXAMPLES);
        let example = |(image, label)| Example {
            label,
            pixels: STANDARD.encode::<[u8; Dataset::PIXELS]>(image),
        };
        shown.into_iter().map(example).collect()
    };
    app.workers.run(Weight::Heavy, work).await.map(Json)
}

fn split(app: &App, recipe: &Recipe) -> Result<Split, ApiError> {
    app.data.split(recipe).map_err(|e| {
        ApiError::invalid(e.to_string(), "ask for fewer digits in the recipe's [data]")
    })
}

/// The recipe asked for, if this server has the memory for it.
fn recipe(name: Option<&str>, toml: Option<&str>) -> Result<Recipe, ApiError> {
    let recipe = match (name, toml) {
        (Some(name), None) if RECIPES.iter().any(|(known, _)| *known == name) => Recipe::find(name),
        (Some(name), None) => {
            let advice = "GET /v1/recipes lists those there are; or send your own as 'toml'";
            return Err(ApiError::invalid(format!("there is no recipe '{name}'"), advice));
        }
        (None, Some(text)) => Recipe::parse("own", text),
        _ => {
            let advice = "send {\"recipe\": NAME} or {\"toml\": TEXT}";
            return Err(ApiError::invalid("one of 'recipe' and 'toml' is needed", advice));
        }
    };
    let recipe = recipe.map_err(|e| ApiError::invalid(e.to_string(), "mend the recipe there"))?;
    // Each shard of a batch has gradients of its own, each digit values and their derivatives.
    let (network, batch) = (&recipe.network, recipe.training.batch);
    let values = |l| {
        let shape = network.output_shape(l);
        shape.height * shape.width * padded(shape.channels)
    };
    let values: usize = (0..network.layers().len()).map(values).sum();
    let floats = network.parameter_count() * (batch.div_ceil(32) + 4) + 2 * values * batch;
    if floats * size_of::<f32>() > MOST_MEMORY {
        let advice = "make the network or the batch smaller, or use 'decipher train'";
        return Err(ApiError::invalid("this network takes too much memory to train here", advice));
    }
    Ok(recipe)
}

/// Runs `work` on a thread of its own and writes down how it ended: with a lesson's report, and
/// whether it was stopped.
fn spawn<W>(app: App, run: Arc<Run>, work: W)
where
    W: FnOnce(&App, &Run) -> Result<(Option<LessonReport>, bool), TrainError> + Send + 'static,
{
    app.metrics.runs.inc();
    let name = format!("run-{}", run.state().id);
    let thread = std::thread::Builder::new().name(name);
    let (for_thread, its_run) = (app.clone(), run.clone());
    let started = thread.spawn(move || {
        let (app, run) = (for_thread, its_run);
        let work = std::panic::AssertUnwindSafe(|| work(&app, &run));
        let (status, error, lesson) = match std::panic::catch_unwind(work) {
            Ok(Ok((lesson, false))) => (Status::Done, None, lesson),
            Ok(Ok((_, true))) => (Status::Stopped, None, None),
            Ok(Err(error)) => (Status::Failed, Some(error.to_string()), None),
            Err(_) => (Status::Failed, Some("a fault in Decipher; see the log".into()), None),
        };
        app.metrics.runs.dec();
        let state = run.state();
        tracing::info!(run = state.id, name = state.name, ?status, error, "run over");
        app.runs.end(&run, status, error, lesson);
    });
    if let Err(error) = started {
        app.metrics.runs.dec();
        app.runs.end(&run, Status::Failed, Some(format!("no thread to train on: {error}")), None);
    }
}

/// What to teach.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TeachRequest {
    /// The model to teach; without it, the one that reads.
    model: Option<String>,
    /// A person's own digits.
    digits: LabelledDigits,
}

/// Trains a model further on a person's own digits, mixed with built-in ones so that nothing is
/// forgotten. The taught model is a new one; `POST /v1/models/{name}/use` keeps it.
#[utoipa::path(post, path = "/v1/teach", tag = "train", request_body = TeachRequest,
    responses((status = 202, body = RunState), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem),
        (status = 408, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem), (status = 429, body = Problem), (status = 503, body = Problem)),
    security((), ("token" = [])))]
async fn lesson(
    _: Allowed,
    State(app): State<App>,
    Asked(asked): Asked<TeachRequest>,
) -> Result<(StatusCode, Json<RunState>), ApiError> {
    let (name, recognizer) = app.models.get(asked.model.as_deref())?;
    let mine: Dataset = asked
        .digits
        .to_dataset()
        .map_err(|e| ApiError::invalid(e.to_string(), "mend the digit that is named"))?;
    if mine.is_empty() || mine.len() > MOST_DIGITS {
        let error = format!("a lesson has 1 to {MOST_DIGITS} digits, not {}", mine.len());
        return Err(ApiError::invalid(error, "mark some digits first, or send fewer"));
    }
    let recipe = teach::recipe(recognizer.model(), teach::EPOCHS);
    let (run, gone) =
        app.runs.begin(Kind::Teach, &name, recipe, teach::EPOCHS, mine.len(), false)?;
    make_room(&app, &run, gone, recognizer.model(), Origin::Taught)?;
    let options = Options { epochs: None, seed: 1, threads: app.train_threads };
    let state = run.state();
    spawn(app, run, move |app, run| {
        let (runs, models) = (&app.runs, &app.models);
        let mut reporter =
            Reporter::new(runs, run, models, recognizer.model(), &mine, Origin::Taught);
        let lesson = teach::teach(recognizer.model(), &mine, options, &mut |event, live| {
            reporter.event(event, live)
        })?;
        let report = LessonReport {
            learned_from: lesson.learned_from,
            mine: lesson.mine.map(Into::into),
            others: lesson.others.into(),
        };
        keep(app, &run.state().model, lesson.model, Origin::Taught);
        Ok((Some(report), lesson.interrupted))
    });
    Ok((StatusCode::ACCEPTED, Json(state)))
}

/// Every run and lesson, oldest first.
#[utoipa::path(get, path = "/v1/runs", tag = "train", responses((status = 200, body = Vec<RunState>)))]
async fn list(State(app): State<App>) -> Json<Vec<RunState>> {
    Json(app.runs.list())
}

/// One run.
#[utoipa::path(get, path = "/v1/runs/{id}", tag = "train",
    params(("id" = u64, Path, description = "A run's number")),
    responses((status = 200, body = RunState), (status = 400, body = Problem), (status = 404, body = Problem)))]
async fn show(State(app): State<App>, At(id): At<u64>) -> Result<Json<RunState>, ApiError> {
    Ok(Json(app.runs.get(id)?.state()))
}

/// How to go on; what is not said stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Steering {
    /// Go on, wait, go on to the end of the epoch, or end.
    #[serde(rename = "do")]
    order: Option<Wanted>,
    /// What the recipe's learning rate is multiplied with from here on, 0 to 100.
    #[schema(minimum = 0, maximum = 100)]
    rate: Option<f32>,
    /// Share of the last step that is taken again, in [0, 1); of SGD with batches.
    #[schema(minimum = 0, exclusive_maximum = 1)]
    momentum: Option<f32>,
    /// Each step takes the learning rate times this of every weight away.
    #[schema(minimum = 0)]
    weight_decay: Option<f32>,
    /// Share of the values that every dropout layer drops, in [0, 1).
    #[schema(minimum = 0, exclusive_maximum = 1)]
    dropout: Option<f32>,
    /// Digits per step, at most the recipe's.
    #[schema(minimum = 1)]
    batch: Option<usize>,
    /// Distortions instead of those there were, as in a recipe; `{}`: none.
    #[schema(value_type = Option<Object>)]
    augment: Option<Augment>,
    /// Seconds to wait at every point of the curve, to be watched, 0 to 10.
    #[schema(minimum = 0, maximum = 10)]
    delay: Option<f32>,
}

impl Steering {
    fn settings(&self, now: Settings) -> Settings {
        let augment = self.augment.map(|a| (a != Augment::default()).then_some(a));
        Settings {
            rate: self.rate.unwrap_or(now.rate),
            momentum: self.momentum.unwrap_or(now.momentum),
            weight_decay: self.weight_decay.unwrap_or(now.weight_decay),
            dropout: self.dropout.or(now.dropout),
            batch: self.batch.unwrap_or(now.batch),
            augment: augment.unwrap_or(now.augment),
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Wanted {
    Go,
    Pause,
    Step,
    Stop,
}

impl From<Wanted> for Order {
    fn from(wanted: Wanted) -> Self {
        match wanted {
            Wanted::Go => Order::Go,
            Wanted::Pause => Order::Pause,
            Wanted::Step => Order::Step,
            Wanted::Stop => Order::Stop,
        }
    }
}

/// Steers a run: `{"do": "go" | "pause" | "step" | "stop"}`; `{"rate": 0.5}` halves the rate, and
/// other settings of a training are changed likewise.
#[utoipa::path(post, path = "/v1/runs/{id}", tag = "train",
    params(("id" = u64, Path, description = "A run's number")), request_body = Steering,
    responses((status = 200, body = RunState), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem),
        (status = 408, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)),
    security((), ("token" = [])))]
async fn steer(
    _: Allowed,
    State(app): State<App>,
    At(id): At<u64>,
    Asked(asked): Asked<Steering>,
) -> Result<Json<RunState>, ApiError> {
    let run = app.runs.get(id)?;
    app.runs.adjust(&run, |settings, delay| {
        let (settings, delay) = (asked.settings(settings), asked.delay.unwrap_or(delay));
        if !(0.0..=10.0).contains(&delay) {
            return Err(ApiError::invalid(
                "the delay is not from 0 to 10 seconds",
                "0 is no delay",
            ));
        }
        let advice = "GET /v1/runs/{id} shows the settings of now; change others";
        settings.check(&run.recipe).map_err(|e| ApiError::invalid(e, advice))?;
        Ok((settings, delay))
    })?;
    if let Some(order) = asked.order {
        app.runs.order(&run, order.into());
    }
    Ok(Json(run.state()))
}

/// Stops a run, if it is not over, and forgets it. Its model stays.
#[utoipa::path(delete, path = "/v1/runs/{id}", tag = "train",
    params(("id" = u64, Path, description = "A run's number")),
    responses((status = 204, description = "It is gone"), (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem)),
    security((), ("token" = [])))]
async fn forget(
    _: Allowed,
    State(app): State<App>,
    At(id): At<u64>,
) -> Result<StatusCode, ApiError> {
    let run = app.runs.get(id)?;
    app.runs.forget(&run);
    Ok(StatusCode::NO_CONTENT)
}

/// News of all runs as server-sent events, each a JSON object with `type`: `state` (a whole run),
/// `point` (a new point of a run's curve), `gone`, or `missed` (ask for `/v1/runs` again).
#[utoipa::path(get, path = "/v1/runs/events", tag = "train",
    responses((status = 200, description = "A stream that does not end", body = String, content_type = "text/event-stream")))]
async fn events(State(app): State<App>) -> Sse<impl Stream<Item = Result<Sent, Infallible>>> {
    let news = BroadcastStream::new(app.runs.listen()).map(|news| {
        let missed = r#"{"type":"missed"}"#.to_owned();
        Ok(Sent::default().data(news.unwrap_or(missed)))
    });
    // The stream ends with the server, or the server could not end.
    let stopping = WatchStream::new(app.stopping.clone()).filter(|&stop| std::future::ready(stop));
    let stopping = Box::pin(stopping.into_future());
    let first = futures_util::stream::iter([Ok(Sent::default().comment("hello"))]);
    let alive = KeepAlive::new().interval(Duration::from_secs(15));
    Sse::new(first.chain(news).take_until(stopping)).keep_alive(alive)
}
