//! Watchers of an event stream, as many as wanted, and how late each line of the scripted build reaches them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::outcome::Outcome;

const TICK: &[u8] = b"\"text\":\"tick ";

/// Open streams of one task.
pub struct Watchers {
    tasks: JoinSet<Outcome<Vec<Duration>>>,
    open: Arc<AtomicUsize>,
}

impl Watchers {
    /// Opens this many; each notes the delay of every tick until its stream ends.
    pub fn open(port: u16, task_id: i64, count: usize) -> Self {
        let open = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..count {
            tasks.spawn(watch(port, task_id, open.clone()));
        }
        Self { tasks, open }
    }

    /// Waits until all have had their first bytes.
    pub async fn all_open(&self) {
        while self.open.load(Ordering::SeqCst) < self.tasks.len() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for the end of all streams; the delays of all ticks.
    pub async fn delays(mut self) -> Outcome<Vec<Duration>> {
        let mut delays = Vec::new();
        while let Some(done) = self.tasks.join_next().await {
            delays.extend(done??);
        }
        Ok(delays)
    }
}

async fn watch(port: u16, task_id: i64, open: Arc<AtomicUsize>) -> Outcome<Vec<Duration>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!(
        "GET /api/fast-build/task/events?task_id={task_id} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let (mut text, mut piece, mut delays) = (Vec::new(), vec![0; 8 << 10], Vec::new());
    let (mut is_first, opened) = (true, now_micros());
    loop {
        let read = stream.read(&mut piece).await?;
        if read == 0 {
            return Ok(delays);
        }
        if is_first {
            open.fetch_add(1, Ordering::SeqCst);
            is_first = false;
        }
        let now = now_micros();
        text.extend_from_slice(&piece[..read]);
        while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
            // What was printed before somebody watched comes late without anybody's fault.
            if let Some(printed) = ticked(&text[..end]).filter(|printed| *printed >= opened) {
                delays.push(Duration::from_micros(now.saturating_sub(printed)));
            }
            text.drain(..=end);
        }
    }
}

fn now_micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// When a tick's line was printed, in microseconds since 1970.
fn ticked(line: &[u8]) -> Option<u64> {
    let start = line.windows(TICK.len()).position(|window| window == TICK)? + TICK.len();
    let digits = line[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&line[start..start + digits]).ok()?.parse().ok()
}
