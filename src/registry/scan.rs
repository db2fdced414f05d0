//! Harbor's vulnerability scans: whether a project has a scanner, a scan begun, and what the last one found.
//!
//! What Harbor and its scanner say is shown to people, so that each word is one of a known set or scrubbed.

use std::collections::BTreeMap;

use http::{HeaderValue, Method};
use serde::{Deserialize, Serialize};

use super::client::RegistryClient;
use super::error::RegistryError;
use super::failure::malformed;
use super::harbor::HarborRepository;
use super::order::Order;
use crate::clock::Moment;
use crate::image::{Digest, ImageReference};

const ANSWER_LIMIT_BYTES: usize = 1 << 20;
/// The forms of reports, the newest first, as Harbor documents them.
const REPORT_TYPES: [&str; 2] = [
    "application/vnd.security.vulnerability.report; version=1.1",
    "application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0",
];
const ACCEPTED_REPORTS: &str = "application/vnd.security.vulnerability.report; version=1.1, \
    application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0";

/// Where a scan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScanStatus {
    /// There is none.
    NotScanned,
    /// It waits for the scanner.
    Pending,
    /// The scanner works.
    Running,
    /// It has ended, and its report is there.
    Success,
    /// The scanner failed.
    Error,
    /// Somebody stopped it.
    Stopped,
}

impl ScanStatus {
    /// Harbor's words are those of its jobs; one that is not known is a failure.
    fn of_harbor(word: &str) -> Self {
        match word {
            "Pending" | "Scheduled" => Self::Pending,
            "Running" => Self::Running,
            "Success" => Self::Success,
            "Stopped" => Self::Stopped,
            "" | "NotScanned" => Self::NotScanned,
            _ => Self::Error,
        }
    }

    /// Whether it has begun and not ended.
    pub fn is_under_way(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }
}

/// How bad a finding is, from the worst on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Critical.
    Critical,
    /// High.
    High,
    /// Medium.
    Medium,
    /// Low.
    Low,
    /// Negligible.
    Negligible,
    /// The scanner does not say.
    Unknown,
    /// Nothing was found.
    None,
}

impl Severity {
    fn of_harbor(word: &str) -> Self {
        match word {
            "Critical" => Self::Critical,
            "High" => Self::High,
            "Medium" => Self::Medium,
            "Low" => Self::Low,
            "Negligible" => Self::Negligible,
            "None" => Self::None,
            _ => Self::Unknown,
        }
    }
}

/// What Harbor says of an image's last scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanOverview {
    /// Where it stands.
    pub status: ScanStatus,
    /// The worst that was found; known of a scan that succeeded only.
    pub severity: Option<Severity>,
    /// How many findings.
    pub total: u64,
    /// How many of them a newer package mends.
    pub fixable: u64,
    /// How many of each severity.
    pub counts: BTreeMap<Severity, u64>,
    /// The scanner and its version; empty when Harbor does not tell.
    pub scanner: String,
    /// When the report was made.
    pub ended: Option<Moment>,
}

#[derive(Deserialize)]
struct Artifact {
    #[serde(default)]
    scan_overview: Option<BTreeMap<String, Report>>,
}

#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    scan_status: Option<String>,
    #[serde(default)]
    severity: Option<String>,
    #[serde(default)]
    summary: Option<Summary>,
    #[serde(default)]
    end_time: Option<String>,
    #[serde(default)]
    scanner: Option<Scanner>,
}

#[derive(Default, Deserialize)]
struct Summary {
    #[serde(default)]
    total: Option<i64>,
    #[serde(default)]
    fixable: Option<i64>,
    #[serde(default, rename = "summary")]
    by_severity: Option<BTreeMap<String, i64>>,
}

#[derive(Default, Deserialize)]
struct Scanner {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    disabled: Option<bool>,
}

impl RegistryClient {
    /// Whether the image's project has a scanner that is on.
    pub async fn has_scanner(&self, reference: &ImageReference) -> Result<bool, RegistryError> {
        let Some(repository) = HarborRepository::of(reference) else { return Ok(false) };
        let what = format!("reading the scanner of project {}", repository.project);
        let path = format!("/api/v2.0/projects/{}/scanner", repository.project);
        let order =
            Order::new(Method::GET, path, &what).for_account().limit(ANSWER_LIMIT_BYTES).accepts(&[200, 204, 404]);
        let answer = self.transport.fetch(&order).await?;
        // Without a scanner Harbor answers nothing, or `null`.
        if answer.status != 200 || answer.body.trim_ascii().is_empty() {
            return Ok(false);
        }
        let scanner: Option<Scanner> = answer.json(&what)?;
        Ok(scanner.is_some_and(|scanner| scanner.name.is_some() && scanner.disabled != Some(true)))
    }

    /// Begins a scan; one that is under way already is as good. Asked once: a second attempt could begin a second scan.
    pub async fn start_scan(&self, reference: &ImageReference, digest: &Digest) -> Result<(), RegistryError> {
        let what = format!("having {reference} scanned");
        let repository = HarborRepository::of(reference).ok_or_else(|| malformed(&what, "it is in no project"))?;
        let order = Order::new(Method::POST, format!("{}/{digest}/scan", repository.artifacts()), &what);
        self.transport.fetch_once(&order.for_account().accepts(&[200, 202, 409])).await.map(drop)
    }

    /// What the last scan found; `None` when Harbor does not have the image or never scanned it.
    pub async fn scan_overview(
        &self,
        reference: &ImageReference,
        digest: &Digest,
    ) -> Result<Option<ScanOverview>, RegistryError> {
        let Some(repository) = HarborRepository::of(reference) else { return Ok(None) };
        let what = format!("reading the scan of {reference}");
        let path = format!("{}/{digest}?with_scan_overview=true", repository.artifacts());
        let mut order = Order::new(Method::GET, path, &what).for_account().limit(ANSWER_LIMIT_BYTES);
        order.headers.insert("x-accept-vulnerabilities", HeaderValue::from_static(ACCEPTED_REPORTS));
        let Some(answer) = RegistryError::absent(self.transport.fetch(&order).await)? else { return Ok(None) };
        let artifact: Artifact = answer.json(&what)?;
        let mut reports = artifact.scan_overview.unwrap_or_default();
        let newest = REPORT_TYPES.iter().find_map(|form| reports.remove(*form));
        let report = newest.or_else(|| reports.into_values().next());
        Ok(report.map(|report| self.overview(report)))
    }

    fn overview(&self, report: Report) -> ScanOverview {
        let count = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok()).unwrap_or_default();
        let summary = report.summary.unwrap_or_default();
        let mut counts = BTreeMap::new();
        for (word, number) in summary.by_severity.unwrap_or_default() {
            let sum: &mut u64 = counts.entry(Severity::of_harbor(&word)).or_default();
            *sum = sum.saturating_add(count(Some(number)));
        }
        let status = ScanStatus::of_harbor(report.scan_status.as_deref().unwrap_or_default());
        let scanner = report.scanner.unwrap_or_default();
        let named = [scanner.name, scanner.version].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let ended = report.end_time.and_then(|time| time.parse::<jiff::Timestamp>().ok());
        // Go writes the year 1 for a time that never was.
        let ended = ended.map(|time| Moment(time.as_microsecond())).filter(|time| time.0 > 0);
        ScanOverview {
            status,
            severity: report.severity.filter(|_| status == ScanStatus::Success).map(|word| Severity::of_harbor(&word)),
            total: count(summary.total),
            fixable: count(summary.fixable),
            counts,
            scanner: self.transport.access.scrub(&named),
            ended,
        }
    }
}
