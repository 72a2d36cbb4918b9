//! Training runs and lessons: each on a thread of its own, steered while it runs.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use decipher::data::Dataset;
use decipher::model::Model;
use decipher::nn::{Params, TensorSpec};
use decipher::recipe::Recipe;
use decipher::teach::BeforeAfter;
use decipher::train::{Event, Live, Settings};
use serde::Serialize;
use tokio::sync::broadcast;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::models::{Models, Origin};

/// Most runs that are kept, over or not.
const KEPT: usize = 32;
/// News that a slow listener may miss before it must ask for everything again.
const NEWS: usize = 1024;
/// Time between two copies of a model that is being trained.
const COPY_EVERY: Duration = Duration::from_millis(300);
/// Points of a curve that are kept.
const POINTS: usize = 2_000;

/// What a run is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A network from nothing.
    Train,
    /// A model learns a person's digits.
    Teach,
}

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It learns.
    Running,
    /// It waits to be told to go on.
    Paused,
    /// All epochs are done.
    Done,
    /// It was stopped before.
    Stopped,
    /// It could not go on.
    Failed,
}

impl Status {
    fn is_over(self) -> bool {
        !matches!(self, Status::Running | Status::Paused)
    }
}

/// A run as it stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RunState {
    /// Its number.
    pub id: u64,
    /// What it is about.
    pub kind: Kind,
    /// The recipe's name, or the name of the model that is taught.
    pub name: String,
    /// The name under which its model can be asked, now and when it is over.
    pub model: String,
    /// How it stands.
    pub status: Status,
    /// The epoch it is in, from 1.
    pub epoch: u32,
    /// Epochs in all.
    pub epochs: u32,
    /// How much of everything is done, 0 to 1.
    pub done: f64,
    /// The recipe's learning rate.
    pub learning_rate: f32,
    /// What may be changed while it runs, as it is now: `rate` (what the recipe's learning rate is
    /// multiplied with), `momentum`, `weight_decay`, `dropout`, `batch` and `augment`.
    #[schema(value_type = Object)]
    pub settings: Settings,
    /// Seconds that it waits at every point of its curve, to be watched.
    pub delay: f32,
    /// Digits it learns from.
    pub train_count: usize,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How a lesson turned out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lesson: Option<LessonReport>,
    /// The curve so far.
    pub points: Vec<Point>,
}

/// How a lesson turned out.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LessonReport {
    /// Own digits that were learned from.
    pub learned_from: usize,
    /// On own digits that were held back; not there with fewer than four.
    pub mine: Option<Compared>,
    /// On built-in digits that were held back.
    pub others: Compared,
}

/// Share read right, 0 to 1, of some digits.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Compared {
    /// Digits.
    pub count: usize,
    /// Before the lesson.
    pub before: f64,
    /// After it.
    pub after: f64,
}

impl From<BeforeAfter> for Compared {
    fn from(BeforeAfter { count, before, after }: BeforeAfter) -> Self {
        Self { count, before, after }
    }
}

/// A point of a curve.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Point {
    /// Epochs done, with fractions.
    pub epoch: f64,
    /// Mean loss of the epoch so far.
    pub loss: f64,
    /// Share of the held-back digits read right; at the end of an epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// Units of each layer that are the same for every digit; at the end of an epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead: Option<Vec<usize>>,
    /// For each layer with weights, how far the epoch moved them, as a share of how large they are
    /// (Euclidean lengths); at the end of an epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved: Option<Vec<Moved>>,
    /// Seconds of training so far; at the end of an epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

/// How far an epoch moved the weights of a layer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Moved {
    /// The layer, from 0.
    pub layer: usize,
    /// Length of the step from the epoch's first weights to its last, by the length of the last.
    pub share: f64,
}

/// What the listeners of a run hear.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum News {
    /// A run began, paused, went on or is over.
    State(Box<RunState>),
    /// A new point of its curve.
    Point { id: u64, done: f64, point: Point },
    /// It was forgotten.
    Gone { id: u64 },
}

/// What a run is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Go on without stopping.
    Go,
    /// Wait.
    Pause,
    /// Go on to the end of the epoch, then wait.
    Step,
    /// End.
    Stop,
}

struct Steered {
    order: Order,
    state: RunState,
}

/// One run.
pub struct Run {
    /// What it began with.
    pub recipe: Recipe,
    steered: Mutex<Steered>,
    told: Condvar,
}

/// All runs.
pub struct Runs {
    all: Mutex<VecDeque<Arc<Run>>>,
    next: AtomicU64,
    news: broadcast::Sender<String>,
    most: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Runs {
    /// None yet; at most `most` at a time.
    pub fn new(most: usize) -> Self {
        let news = broadcast::Sender::new(NEWS);
        Self { all: Mutex::default(), next: AtomicU64::new(1), news, most }
    }

    /// Hears all news, each as JSON, from now on.
    pub fn listen(&self) -> broadcast::Receiver<String> {
        self.news.subscribe()
    }

    fn tell(&self, news: &News) {
        // Nobody may be listening.
        let _ = self.news.send(serde_json::to_string(news).expect("news are plain JSON"));
    }

    /// Registers a run that is about to start. Gives the model of an old run, too, which had to be
    /// forgotten for it.
    ///
    /// # Errors
    /// 429, if there are too many that are not over.
    pub fn begin(
        &self,
        kind: Kind,
        name: &str,
        recipe: Recipe,
        epochs: u32,
        train_count: usize,
        paused: bool,
    ) -> Result<(Arc<Run>, Option<String>), ApiError> {
        let mut all = lock(&self.all);
        let busy = all.iter().filter(|run| !run.is_over()).count();
        if busy >= self.most {
            return Err(ApiError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_runs",
                format!("{busy} runs are under way, and no more are started at a time"),
                "wait for one, or stop one: POST /v1/runs/{id} with {\"do\": \"stop\"}",
            ));
        }
        let old = all.iter().position(|run| run.is_over()).filter(|_| all.len() >= KEPT);
        let old = old.and_then(|old| all.remove(old)).map(|run| run.state());
        if let Some(RunState { id, .. }) = old {
            self.tell(&News::Gone { id });
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let state = RunState {
            id,
            kind,
            name: name.into(),
            model: format!("{}-{id}", if kind == Kind::Train { "run" } else { "lesson" }),
            status: if paused { Status::Paused } else { Status::Running },
            epoch: 1,
            epochs,
            done: 0.0,
            learning_rate: recipe.training.learning_rate,
            settings: Settings::of(&recipe),
            delay: 0.0,
            train_count,
            error: None,
            lesson: None,
            points: vec![],
        };
        let order = if paused { Order::Pause } else { Order::Go };
        self.tell(&News::State(Box::new(state.clone())));
        let steered = Mutex::new(Steered { order, state });
        let run = Arc::new(Run { recipe, steered, told: Condvar::new() });
        all.push_back(run.clone());
        Ok((run, old.map(|old| old.model)))
    }

    /// Every run, oldest first.
    pub fn list(&self) -> Vec<RunState> {
        lock(&self.all).iter().map(|run| run.state()).collect()
    }

    /// The run of that number.
    ///
    /// # Errors
    /// 404, if there is none.
    pub fn get(&self, id: u64) -> Result<Arc<Run>, ApiError> {
        let all = lock(&self.all);
        let found = all.iter().find(|run| lock(&run.steered).state.id == id).cloned();
        found.ok_or_else(|| {
            ApiError::missing(&format!("run {id}"), "GET /v1/runs lists those there are")
        })
    }

    /// Tells a run what to do. One that is over no longer listens.
    pub fn order(&self, run: &Run, order: Order) {
        lock(&run.steered).order = order;
        run.told.notify_all();
    }

    /// Changes how a run goes on: `to` makes other settings and another delay of those of now. One
    /// that is over stays as it is.
    ///
    /// # Errors
    /// Those of `to`, and nothing is changed.
    pub fn adjust<E>(
        &self,
        run: &Run,
        to: impl FnOnce(Settings, f32) -> Result<(Settings, f32), E>,
    ) -> Result<(), E> {
        let mut steered = lock(&run.steered);
        let state = &mut steered.state;
        let changed = to(state.settings, state.delay)?;
        if !state.status.is_over() && (state.settings, state.delay) != changed {
            (state.settings, state.delay) = changed;
            self.tell(&News::State(Box::new(state.clone())));
        }
        Ok(())
    }

    /// Stops a run and forgets it; its model stays.
    pub fn forget(&self, run: &Run) {
        self.order(run, Order::Stop);
        let id = run.state().id;
        lock(&self.all).retain(|other| lock(&other.steered).state.id != id);
        self.tell(&News::Gone { id });
    }

    /// Stops them all, for the server ends.
    pub fn stop_all(&self) {
        for run in lock(&self.all).iter() {
            self.order(run, Order::Stop);
        }
    }

    /// Writes down how a run ended.
    pub fn end(
        &self,
        run: &Run,
        status: Status,
        error: Option<String>,
        lesson: Option<LessonReport>,
    ) {
        let mut steered = lock(&run.steered);
        let state = &mut steered.state;
        (state.status, state.error, state.lesson) = (status, error, lesson);
        if status == Status::Done {
            state.done = 1.0;
        }
        self.tell(&News::State(Box::new(state.clone())));
    }
}

impl Run {
    /// A copy of how it stands.
    pub fn state(&self) -> RunState {
        lock(&self.steered).state.clone()
    }

    fn is_over(&self) -> bool {
        lock(&self.steered).state.status.is_over()
    }
}

/// What goes between a run's thread and everyone else: writes down events, passes on orders.
pub struct Reporter<'a> {
    runs: &'a Runs,
    run: &'a Run,
    models: &'a Models,
    origin: Origin,
    /// Digits to find dead units with.
    probe: Dataset,
    copied: Instant,
    /// The parameters at the end of the last epoch, to see how far the next one moves them.
    before: Params,
}

impl<'a> Reporter<'a> {
    /// For `run`, which begins with `model`; that is looked at with some of `digits`.
    pub fn new(
        runs: &'a Runs,
        run: &'a Run,
        models: &'a Models,
        model: &Model,
        digits: &Dataset,
        origin: Origin,
    ) -> Self {
        let probe = digits.range(0..digits.len().min(PROBE));
        let before = model.params.clone();
        Self { runs, run, models, origin, probe, copied: Instant::now(), before }
    }

    /// What training calls at every event.
    pub fn event(&mut self, event: Event, live: Live) -> ControlFlow<()> {
        let point = self.point(event, live.model);
        if !point.loss.is_finite() {
            // At the epoch's end training fails with that; it is no point of a curve, and no model
            // to keep.
            return self.obey(lock(&self.run.steered), live);
        }
        let over = point.accuracy.is_some();
        // A failure to keep a copy (too many models) must not end the training.
        if over || self.copied.elapsed() > COPY_EVERY {
            self.copied = Instant::now();
            let name = lock(&self.run.steered).state.model.clone();
            if let Err(error) = self.models.put(&name, live.model.clone(), self.origin) {
                tracing::warn!(?error, "the model of a run was not kept");
            }
        }
        let mut steered = lock(&self.run.steered);
        let state = &mut steered.state;
        state.epoch = (point.epoch.floor() as u32 + 1).min(state.epochs);
        state.done = point.epoch / f64::from(state.epochs);
        if state.points.len() >= POINTS {
            thin_out(&mut state.points);
        }
        state.points.push(point.clone());
        let (id, done) = (state.id, state.done);
        self.runs.tell(&News::Point { id, done, point });
        if over && steered.order == Order::Step {
            steered.order = Order::Pause;
        }
        self.obey(self.linger(steered), live)
    }

    /// Waits, so that one can watch; an order ends it.
    fn linger<'m>(&self, steered: MutexGuard<'m, Steered>) -> MutexGuard<'m, Steered> {
        let (began, delay) = (Instant::now(), Duration::from_secs_f32(steered.state.delay));
        let order = steered.order;
        let still = |now: &mut Steered| now.order == order && began.elapsed() < delay;
        let waited = self.run.told.wait_timeout_while(steered, delay, still);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits while the run is told to pause.
    fn obey(&self, mut steered: MutexGuard<Steered>, live: Live) -> ControlFlow<()> {
        while steered.order == Order::Pause {
            self.stand(&mut steered, Status::Paused);
            steered = self.run.told.wait(steered).unwrap_or_else(PoisonError::into_inner);
        }
        *live.settings = steered.state.settings;
        if steered.order == Order::Stop {
            return ControlFlow::Break(());
        }
        self.stand(&mut steered, Status::Running);
        ControlFlow::Continue(())
    }

    fn stand(&self, steered: &mut Steered, status: Status) {
        if steered.state.status != status {
            steered.state.status = status;
            self.runs.tell(&News::State(Box::new(steered.state.clone())));
        }
    }

    /// Waits while the run is told to pause, before the first step.
    pub fn before_the_first(&self) -> ControlFlow<()> {
        let mut steered = lock(&self.run.steered);
        while steered.order == Order::Pause {
            steered = self.run.told.wait(steered).unwrap_or_else(PoisonError::into_inner);
        }
        if steered.order == Order::Stop {
            return ControlFlow::Break(());
        }
        self.stand(&mut steered, Status::Running);
        ControlFlow::Continue(())
    }

    fn point(&mut self, event: Event, model: &Model) -> Point {
        match event {
            Event::Progress { done, loss, .. } => {
                let epochs = f64::from(lock(&self.run.steered).state.epochs);
                Point {
                    epoch: done * epochs,
                    loss,
                    accuracy: None,
                    dead: None,
                    moved: None,
                    seconds: None,
                }
            }
            Event::Epoch(epoch) => {
                let dead = model.dead_units(self.probe.images());
                let before = std::mem::replace(&mut self.before, model.params.clone());
                let moved = Some(moved(model, &before));
                Point {
                    epoch: epoch.epoch.into(),
                    loss: epoch.loss,
                    accuracy: Some(epoch.validation_accuracy),
                    dead: Some(dead.iter().map(Vec::len).collect()),
                    moved,
                    seconds: Some(epoch.train_seconds),
                }
            }
        }
    }
}

/// How far the weights of each layer are from where they were.
fn moved(model: &Model, before: &Params) -> Vec<Moved> {
    let length = |values: &[f32]| values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
    let layer = |spec: &TensorSpec| {
        let (layer, "weight") = spec.place() else { return None };
        let now = model.params.tensor(spec);
        let step: Vec<f32> = before.tensor(spec).iter().zip(&now).map(|(b, n)| n - b).collect();
        Some(Moved { layer, share: length(&step) / length(&now).max(f64::MIN_POSITIVE) })
    };
    model.network.tensors().iter().filter_map(layer).collect()
}

/// Digits that dead units are looked for with.
const PROBE: usize = 200;

/// Drops every other point inside the epochs, and if that is none, every other point.
fn thin_out(points: &mut Vec<Point>) {
    let before = points.len();
    let mut keep = false;
    points.retain(|point| {
        keep = !keep;
        keep || point.accuracy.is_some()
    });
    if points.len() > before / 4 * 3 {
        points.retain(|_| {
            keep = !keep;
            keep
        });
    }
}
