//! The loop over the outbox.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::docker_server::CurrentServer;
use super::policy::{AddressPolicy, PolicyError, RefusedAddress};
use super::schedule::next_attempt;
use super::sender::{Answer, Sender};
use super::signature::SigningSecretError;
use crate::clock::{Clock, Moment};
use crate::metrics::{CallbackResult, Metrics};
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
    /// The HTTP client.
    #[error("the HTTP client for callbacks cannot be made: {0}")]
    Client(#[from] reqwest::Error),
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
    /// Receivers by delivery.
    in_flight: Mutex<HashMap<String, String>>,
}

impl CallbackService {
    /// Makes the service; nothing is sent before [`Self::run`].
    pub fn new(
        store: Arc<Store>,
        site: Arc<Site>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        settings: &CallbackSection,
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
            in_flight: Mutex::default(),
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
    pub async fn run(self: Arc<Self>, tracker: TaskTracker, stop: CancellationToken) {
        if let Err(error) = self.store.make_deliveries_due(self.clock.now()).await {
            tracing::error!("callbacks: the outbox cannot be read: {error}");
        }
        loop {
            let sleep = match self.dispatch(&tracker, &stop).await {
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
    async fn dispatch(
        self: &Arc<Self>,
        tracker: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Duration, StoreError> {
        let now = self.clock.now();
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
            if busy.contains_key(&delivery.delivery_id) || *of_receiver >= PARALLEL_OF_RECEIVER {
                continue;
            }
            *of_receiver += 1;
            self.in_flight().insert(delivery.delivery_id.clone(), delivery.receiver.clone());
            let delivery = delivery.clone();
            let service = self.clone();
            let stop = stop.clone();
            tracker.spawn(async move {
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
            // An attempt under way is due by its row; its end wakes the loop.
            let millis = u64::try_from(next.millis_since(now)).unwrap_or(0).max(1_000);
            Duration::from_millis(millis)
        });
        Ok(wait.min(LONGEST_SLEEP))
    }

    async fn attempt(&self, delivery: &DeliveryRow) {
        if let Err(error) = patiently(self.try_attempt(delivery)).await {
            tracing::error!(
                task.id = delivery.task_id,
                "callback {} of task {}: the attempt could not be made or recorded: {error}",
                delivery.delivery_id,
                delivery.task_id
            );
        }
    }

    async fn try_attempt(&self, delivery: &DeliveryRow) -> Result<(), ResendError> {
        // The distance counts from an attempt's start, or a receiver that hangs would be tried less than once a minute.
        let started = self.clock.now();
        let answer = self.send(&delivery.delivery_id, delivery.task_id, &delivery.url, &delivery.body).await?;
        let now = self.clock.now();
        let attempts = u64::try_from(delivery.attempts).unwrap_or(0) + 1;
        let (status, next) = if answer.1.is_delivered() {
            ("delivered", now)
        } else {
            let created = Moment(delivery.create_time);
            match next_attempt(created, started, attempts, self.expire_seconds, rand::random()) {
                Some(next) => ("pending", next.max(now.plus_seconds(1))),
                None => ("expired", now),
            }
        };
        self.store.record_attempt(&answer.0, status, next, now).await?;
        let result = match status {
            "delivered" => CallbackResult::Delivered,
            "expired" => CallbackResult::Expired,
            _ => CallbackResult::Failed,
        };
        self.metrics.callback_attempted(result, now.millis_since(Moment(delivery.create_time)));
        let (id, task_id, url) = (&delivery.delivery_id, delivery.task_id, &delivery.url);
        match status {
            "delivered" => tracing::info!(task.id = task_id, "callback {id} of task {task_id} delivered to {url}"),
            "expired" => tracing::error!(
                task.id = task_id,
                "callback {id} of task {task_id} to {url} given up after {attempts} attempts: {}",
                answer.1.quoted()
            ),
            _ => tracing::warn!(
                task.id = task_id,
                "callback {id} of task {task_id} to {url} will be tried again: attempt {attempts} got {:?}: {}",
                answer.1.status_code,
                answer.1.quoted()
            ),
        }
        Ok(())
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
    pub async fn resend_last(&self) -> Result<Option<Answer>, ResendError> {
        let Some(last) = self.store.attempts(1).await?.into_iter().next() else { return Ok(None) };
        let (attempt, answer) = self.send(&last.delivery_id, last.task_id, &last.url, &last.body).await?;
        self.record_resend(&attempt, &answer).await?;
        Ok(Some(answer))
    }

    /// Sends a task's callback once more; `None` when the task has none.
    pub async fn resend_for_task(&self, task_id: TaskId) -> Result<Option<Answer>, ResendError> {
        let Some(last) = self.store.deliveries_of_task(task_id).await?.into_iter().next() else { return Ok(None) };
        let (attempt, answer) = self.send(&last.delivery_id, last.task_id, &last.url, &last.body).await?;
        self.record_resend(&attempt, &answer).await?;
        Ok(Some(answer))
    }

    async fn record_resend(&self, attempt: &NewAttempt, answer: &Answer) -> Result<(), StoreError> {
        let now = self.clock.now();
        let status = if answer.is_delivered() { "delivered" } else { "pending" };
        self.store.record_attempt(attempt, status, now.plus_seconds(60), now).await
    }

    fn in_flight(&self) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
