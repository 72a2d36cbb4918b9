//! Threads for what takes the processor's time, so that the threads that serve connections never
//! wait for a network. The queue before them is short: what does not fit is refused at once.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::error::ApiError;

/// How much work a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Milliseconds at most.
    Light,
    /// A large picture, or thousands of digits. One thread is always kept free of these.
    Heavy,
}

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Queue {
    /// Jobs with their numbers, in order of arrival.
    light: VecDeque<(u64, Job)>,
    heavy: VecDeque<(u64, Job)>,
    arrived: u64,
    heavy_running: usize,
    closed: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    work: Condvar,
    capacity: usize,
    most_heavy: usize,
}

/// A fixed number of threads and a short queue. The threads end when the last clone is dropped.
#[derive(Clone)]
pub struct Workers(Arc<Handle>);

struct Handle(Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.work.notify_all();
    }
}

impl Workers {
    /// Starts `threads` threads; up to `capacity` jobs of each weight wait for them.
    pub fn start(threads: usize, capacity: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            work: Condvar::new(),
            capacity,
            most_heavy: threads.saturating_sub(1).max(1),
        });
        for i in 0..threads {
            let shared = shared.clone();
            std::thread::Builder::new().name(format!("worker-{i}")).spawn(move || shared.run())?;
        }
        Ok(Self(Arc::new(Handle(shared))))
    }

    /// Does `job` on a worker and gives what it returns.
    ///
    /// # Errors
    /// At once, if the queue is full; and if the job panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        weight: Weight,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let (sender, receiver) = oneshot::channel();
        let job = move || {
            // Whoever asked may be gone; then nobody needs the answer.
            if sender.is_closed() {
                return;
            }
            match catch_unwind(AssertUnwindSafe(job)) {
                Ok(value) => drop(sender.send(value)),
                Err(_) => tracing::error!("a job panicked; its request gets 500"),
            }
        };
        self.0.0.push(weight, Box::new(job))?;
        receiver.await.map_err(|_| ApiError::internal())
    }

    /// Jobs that wait, and whether the next light one would be refused.
    pub fn load(&self) -> (usize, bool) {
        let queue = self.0.0.lock();
        (queue.light.len() + queue.heavy.len(), queue.light.len() >= self.0.0.capacity)
    }
}

impl Shared {
    /// Jobs run outside the lock, so no panic can leave the queue half changed.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, weight: Weight, job: Job) -> Result<(), ApiError> {
        let mut queue = self.lock();
        let number = queue.arrived;
        let waiting = match weight {
            Weight::Light => &mut queue.light,
            Weight::Heavy => &mut queue.heavy,
        };
        if waiting.len() >= self.capacity {
            return Err(ApiError::overloaded());
        }
        waiting.push_back((number, job));
        queue.arrived += 1;
        drop(queue);
        self.work.notify_one();
        Ok(())
    }

    fn run(&self) {
        let mut queue = self.lock();
        loop {
            let Some((weight, job)) = queue.next(self.most_heavy) else {
                if queue.closed {
                    return;
                }
                queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(queue);
            job();
            queue = self.lock();
            if weight == Weight::Heavy {
                queue.heavy_running -= 1;
                // Another thread may have left a heavy job lying.
                self.work.notify_one();
            }
        }
    }
}

impl Queue {
    /// The job that has waited longest of those that may run now.
    fn next(&mut self, most_heavy: usize) -> Option<(Weight, Job)> {
        let number = |jobs: &VecDeque<(u64, Job)>| jobs.front().map_or(u64::MAX, |job| job.0);
        let (light, heavy) = (number(&self.light), number(&self.heavy));
        if heavy < light && self.heavy_running < most_heavy {
            self.heavy_running += 1;
            return self.heavy.pop_front().map(|job| (Weight::Heavy, job.1));
        }
        self.light.pop_front().map(|job| (Weight::Light, job.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn what_does_not_fit_is_refused_at_once() {
        let workers = Workers::start(1, 2).unwrap();
        let (open, gate) = mpsc::channel::<()>();
        let blocked = workers.clone();
        let first =
            tokio::spawn(
                async move { blocked.run(Weight::Light, move || gate.recv().unwrap()).await },
            );
        // The thread has taken the first job when the queue is empty again.
        while workers.load().0 > 0 || first.is_finished() {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let waiting: Vec<_> = (0..2)
            .map(|i| {
                let workers = workers.clone();
                tokio::spawn(async move { workers.run(Weight::Light, move || i).await })
            })
            .collect();
        while workers.load() != (2, true) {
            tokio::task::yield_now().await;
        }
        assert!(workers.run(Weight::Light, || 0).await.is_err());
        open.send(()).unwrap();
        first.await.unwrap().unwrap();
        for (i, job) in waiting.into_iter().enumerate() {
            assert_eq!(job.await.unwrap().unwrap(), i);
        }
    }

    #[tokio::test]
    async fn heavy_jobs_leave_a_thread_to_light_ones_and_a_panic_ends_nothing() {
        let workers = Workers::start(2, 8).unwrap();
        let (open, gate) = mpsc::channel::<()>();
        let blocked = workers.clone();
        let heavy =
            tokio::spawn(
                async move { blocked.run(Weight::Heavy, move || gate.recv().unwrap()).await },
            );
        let more = workers.clone();
        let second = tokio::spawn(async move { more.run(Weight::Heavy, || 2).await });
        for i in 0..20 {
            assert_eq!(workers.run(Weight::Light, move || i).await.unwrap(), i);
        }
        assert!(workers.run::<()>(Weight::Light, || panic!("on purpose")).await.is_err());
        assert_eq!(workers.run(Weight::Light, || 7).await.unwrap(), 7);
        assert!(!second.is_finished());
        open.send(()).unwrap();
        heavy.await.unwrap().unwrap();
        assert_eq!(second.await.unwrap().unwrap(), 2);
    }
}
