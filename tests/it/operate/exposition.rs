//! `/metrics` read by a real parser of Prometheus' format, which refuses what Prometheus would refuse.

use std::collections::BTreeSet;

use openmetrics_parser::prometheus::parse_prometheus;
use openmetrics_parser::{MetricsExposition, PrometheusType, PrometheusValue};

use crate::support::TestService;

/// A scrape.
pub struct Exposition {
    /// As it came.
    pub text: String,
    parsed: MetricsExposition<PrometheusType, PrometheusValue>,
}

impl Exposition {
    /// Scrapes a service.
    pub async fn of(service: &TestService) -> Self {
        let response = service.client.get(format!("{}/metrics", service.url)).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
        Self::parse(response.text().await.unwrap())
    }

    /// Reads a text.
    pub fn parse(text: String) -> Self {
        let parsed = parse_prometheus(&text).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
        Self { text, parsed }
    }

    /// The value of a series: a counter's or gauge's own, a histogram's count. `None` when it is not there.
    pub fn find(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let family = self.parsed.families.get(name)?;
        family.iter_samples().find_map(|sample| {
            let set = sample.get_labelset().unwrap();
            let is_it = labels.iter().all(|(label, value)| set.get_label_value(label) == Some(*value));
            is_it.then(|| match &sample.value {
                PrometheusValue::Counter(counter) => counter.value.as_f64(),
                PrometheusValue::Gauge(number) | PrometheusValue::Unknown(number) => number.as_f64(),
                PrometheusValue::Histogram(histogram) => {
                    f64::from(u32::try_from(histogram.count.unwrap_or_default()).unwrap())
                }
                PrometheusValue::Summary(_) => f64::NAN,
            })
        })
    }

    /// The same, which must be there.
    #[track_caller]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.find(name, labels).unwrap_or_else(|| panic!("{name} {labels:?} is not in\n{}", self.text))
    }

    /// The same as a whole number.
    #[track_caller]
    #[expect(clippy::cast_possible_truncation, reason = "counts of a test are small")]
    pub fn count(&self, name: &str, labels: &[(&str, &str)]) -> i64 {
        self.value(name, labels).round() as i64
    }

    /// The names of all series, those that a histogram consists of included.
    pub fn names(&self) -> BTreeSet<String> {
        let lines = self.text.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.split(['{', ' ']).next()).map(str::to_owned).collect()
    }
}
