//! The loop over the outbox.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::docker_server::CurrentServer;
use super::held_back::HeldBack;
use super::outcome::Outcome;
use super::policy::{AddressPolicy, PolicyError, RefusedAddress};
use super::sender::{Answer, Sender};
use super::signature::SigningSecretError;
use crate::clock::Clock;
use crate::completion::to_completion;
use crate::metrics::Metrics;
use crate::settings::CallbackSection;
use crate::site::{Site, SiteError};
use crate::store::{DeliveryRow, NewAttempt, Store, StoreError, patiently};
use crate::task::TaskId;

const PARALLEL: usize = 64;
/// A receiver that hangs holds no more of them than this, so that the others are told in time.
const PARALLEL_OF_RECEIVER: usize = 8;
/// Those under way are still due, so that as many again are looked up.
const DUE_OF_RECEIVER: i64 = 16;
const BATCH: i64 = 1_024;
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// Why a callback could not be sent again.
#[derive(Debug, thiserror::Error)]
pub enum ResendError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored headers cannot be opened.
    #[error(transparent)]
    Site(#[from] SiteError),
}

/// Why callbacks cannot work with these settings.
#[derive(Debug, thiserror::Error)]
pub enum CallbackSetupError {
    /// A rule of the allow or deny list.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A signing secret.
    #[error(transparent)]
    Signing(#[from] SigningSecretError),
}

/// Delivers callbacks.
pub struct CallbackService {
    store: Arc<Store>,
    site: Arc<Site>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    sender: Sender,
    expire_seconds: u64,
    wake: Notify,
    slots: Arc<Semaphore>,
    tracker: TaskTracker,
    /// Receivers by delivery.
    in_flight: Mutex<HashMap<String, String>>,
    held_back: HeldBack,
}

impl CallbackService {
    /// Makes the service; nothing is sent before [`Self::run`]. What it spawns is joined by `tracker`.
    pub fn new(
        store: Arc<Store>,
        site: Arc<Site>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        settings: &CallbackSection,
        tracker: TaskTracker,
    ) -> Result<Self, CallbackSetupError> {
        let policy = AddressPolicy::new(&settings.allow, &settings.deny)?;
        let current_server: CurrentServer = {
            let site = site.clone();
            Arc::new(move || site.docker_endpoint())
        };
        Ok(Self {
            store,
            site,
            clock,
            metrics,
            sender: Sender::new(settings, policy, current_server)?,
            expire_seconds: settings.expire_seconds,
            wake: Notify::new(),
            slots: Arc::new(Semaphore::new(PARALLEL)),
            tracker,
            in_flight: Mutex::default(),
            held_back: HeldBack::default(),
        })
    }

    /// Checks what a receiver's URL alone shows against the allow and deny lists and the site's Docker server.
    pub fn check_receiver(&self, url: &url::Url) -> Result<(), RefusedAddress> {
        self.sender.check(url)
    }

    /// Tells the loop that the outbox has something new.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Delivers until `stop`; what waits then stays a row. Every waiting callback is due at the start.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        if let Err(error) = self.store.make_deliveries_due(self.clock.now()).await {
            tracing::error!("callbacks: the outbox cannot be read: {error}");
        }
        loop {
            let sleep = match self.dispatch(&stop).await {
                Ok(sleep) => sleep,
                Err(error) => {
                    tracing::error!("callbacks: the outbox cannot be read: {error}");
                    Duration::from_secs(5)
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    /// Starts an attempt for everything that is due and says when to look again.
    async fn dispatch(self: &Arc<Self>, stop: &CancellationToken) -> Result<Duration, StoreError> {
        let now = self.clock.now();
        self.record_again(stop);
        // Taken before the rows are read: an attempt that ends in between has changed its row since, and sending what
        // was read would send it twice. Its end wakes the loop, which then reads the row as it is.
        let busy = self.in_flight().clone();
        let mut under_way: HashMap<&str, usize> = HashMap::new();
        for receiver in busy.values() {
            *under_way.entry(receiver).or_default() += 1;
        }
        let due = self.store.due_deliveries(now, DUE_OF_RECEIVER, BATCH).await?;
        for delivery in &due {
            let of_receiver = under_way.entry(&delivery.receiver).or_default();
            let waits =
                busy.contains_key(&delivery.delivery_id) || self.held_back.has(&delivery.delivery_id, Instant::now());
            if waits || *of_receiver >= PARALLEL_OF_RECEIVER {
                continue;
            }
            *of_receiver += 1;
            self.in_flight().insert(delivery.delivery_id.clone(), delivery.receiver.clone());
            let delivery = delivery.clone();
            let service = self.clone();
            let stop = stop.clone();
            self.tracker.spawn(async move {
                let _slot = service.slots.clone().acquire_owned().await;
                if !stop.is_cancelled() {
                    service.attempt(&delivery).await;
                }
                service.in_flight().remove(&delivery.delivery_id);
                service.wake();
            });
        }
        let next = self.store.next_delivery_time().await?;
        let wait = next.map_or(LONGEST_SLEEP, |next| {
            // An attempt under way is due by its row, and its end wakes the loop; one held back is due by its row, too.
            let millis = u64::try_from(next.millis_since(now)).unwrap_or(0).max(1_000);
            Duration::from_millis(millis)
        });
        Ok(wait.min(LONGEST_SLEEP))
    }

    /// Tries once more to record what receivers have and the database did not take.
    fn record_again(self: &Arc<Self>, stop: &CancellationToken) {
        // Locked over all of it: what ends meanwhile is let go before it is no longer under way.
        let mut in_flight = self.in_flight();
        for outcome in self.held_back.to_record(Instant::now()) {
            let delivery_id = outcome.delivery.delivery_id.clone();
            match in_flight.entry(delivery_id.clone()) {
                Entry::Occupied(_) => continue,
                Entry::Vacant(place) => place.insert(outcome.delivery.receiver.clone()),
            };
            let service = self.clone();
            let stop = stop.clone();
            self.tracker.spawn(async move {
                if !stop.is_cancelled() {
                    service.record(outcome, Instant::now()).await;
                }
                service.in_flight().remove(&delivery_id);
                service.wake();
            });
        }
    }

    async fn attempt(&self, delivery: &DeliveryRow) {
        let started = Instant::now();
        match patiently(self.try_attempt(delivery)).await {
            Ok(outcome) => self.record(outcome, started).await,
            Err(error) => {
                let (id, task_id) = (&delivery.delivery_id, delivery.task_id);
                let pause = self.held_back.hold(id, started, None);
                tracing::error!(
                    task.id = task_id,
                    "callback {id} of task {task_id}: the attempt could not be made, trying again in {} s: {error}",
                    pause.as_secs()
                );
            }
        }
    }

    async fn try_attempt(&self, delivery: &DeliveryRow) -> Result<Outcome, ResendError> {
        // The distance counts from an attempt's start, or a receiver that hangs would be tried less than once a minute.
        let started = self.clock.now();
        let sent = self.send(&delivery.delivery_id, delivery.task_id, &delivery.url, &delivery.body).await?;
        Ok(Outcome::new(delivery, sent, started, self.clock.now(), self.expire_seconds))
    }

    /// Records an attempt. The row of one that cannot be recorded is due as before, and is not sent again at once.
    async fn record(&self, outcome: Outcome, started: Instant) {
        let recorded =
            patiently(self.store.record_attempt(&outcome.attempt, outcome.status, outcome.next, outcome.time));
        let (id, task_id) = (outcome.delivery.delivery_id.clone(), outcome.delivery.task_id);
        if let Err(error) = recorded.await {
            let is_delivered = outcome.answer.is_delivered();
            let pause = self.held_back.hold(&id, started, is_delivered.then_some(outcome)).as_secs();
            let what = if is_delivered { "its delivery is told again to the database" } else { "trying again" };
            tracing::error!(
                task.id = task_id,
                "callback {id} of task {task_id}: the attempt could not be recorded, {what} in {pause} s: {error}"
            );
            return;
        }
        self.held_back.release(&id);
        outcome.tell(&self.metrics);
    }

    async fn send(
        &self,
        delivery_id: &str,
        task_id: i64,
        url: &str,
        body: &str,
    ) -> Result<(NewAttempt, Answer), ResendError> {
        let headers = self.site.callback_headers().await?;
        let headers_sealed = self.site.seal_headers(&headers)?;
        let timestamp_seconds = self.clock.now().0 / 1_000_000;
        let answer = self.sender.post(url, &headers, delivery_id, timestamp_seconds, body).await;
        let attempt = NewAttempt {
            delivery_id: delivery_id.to_owned(),
            task_id,
            url: url.to_owned(),
            headers_sealed,
            body: body.to_owned(),
            result: answer.text.clone(),
            status_code: answer.status_code.map(i64::from),
        };
        Ok((attempt, answer))
    }

    /// Sends the last recorded callback once more and says what the receiver answered; `None` when there is none yet.
    pub async fn resend_last(self: &Arc<Self>) -> Result<Option<Answer>, ResendError> {
        let Some(last) = self.store.attempts(1).await?.into_iter().next() else { return Ok(None) };
        self.resend(last.delivery_id, last.task_id, last.url, last.body).await.map(Some)
    }

    /// Sends a task's callback once more; `None` when the task has none.
    pub async fn resend_for_task(self: &Arc<Self>, task_id: TaskId) -> Result<Option<Answer>, ResendError> {
        let Some(last) = self.store.deliveries_of_task(task_id).await?.into_iter().next() else { return Ok(None) };
        self.resend(last.delivery_id, last.task_id, last.url, last.body).await.map(Some)
    }

    /// Sends and records; what was sent is recorded also when nobody waits for the answer.
    async fn resend(
        self: &Arc<Self>,
        delivery_id: String,
        task_id: i64,
        url: String,
        body: String,
    ) -> Result<Answer, ResendError> {
        let service = self.clone();
        let work = async move {
            let (attempt, answer) = service.send(&delivery_id, task_id, &url, &body).await?;
            let now = service.clock.now();
            let status = if answer.is_delivered() { "delivered" } else { "pending" };
            service.store.record_attempt(&attempt, status, now.plus_seconds(60), now).await?;
            Ok(answer)
        };
        to_completion(&self.tracker, work).await
    }

    fn in_flight(&self) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
