//! Logs to standard error, traces over OTLP where an endpoint is configured, and metrics for Prometheus. Sole owner of
//! `opentelemetry` and of the Prometheus exporter.
//!
//! | module | holds |
//! |---|---|
//! | [`metrics`] | every metric, by name and meaning |
//! | [`trace`] | spans, and how they go from process to process |

pub mod metrics;
pub mod trace;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde::Deserialize;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// What is written, and where to.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// A filter such as `info` or `warn,token_registry=debug`.
    pub level: String,
    pub format: Format,
    /// OTLP endpoint (gRPC) for traces, for example `http://127.0.0.1:4317`. Unset: no traces.
    pub otlp: Option<String>,
    /// The part of the requests at an edge that is traced, 0 to 1.
    pub sample: f64,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: Format::Json, otlp: None, sample: 0.01 }
    }
}

/// Flushes what is buffered when it goes.
#[must_use = "traces are flushed when it is dropped"]
pub struct Guard(Option<SdkTracerProvider>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.0.as_ref().map(SdkTracerProvider::shutdown) {
            eprintln!("telemetry: traces may be lost: {error}");
        }
    }
}

/// Starts logging and measuring in this process; called once. A filter or endpoint that cannot be used is reported and
/// left out.
pub fn start(service: &'static str, config: &Config) -> Guard {
    metrics::install();
    let filter = EnvFilter::try_new(&config.level).unwrap_or_else(|error| {
        eprintln!("telemetry.level: {error}; using \"info\"");
        EnvFilter::new("info")
    });
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match config.format {
        Format::Json => lines.json().flatten_event(true).boxed(),
        Format::Text => lines.compact().with_ansi(false).boxed(),
    };
    let provider = config.otlp.as_deref().and_then(|endpoint| exporter(service, endpoint));
    if let Some(provider) = &provider {
        trace::install(provider.tracer(service), config.sample);
    }
    let started = tracing_subscriber::registry().with(filter).with(lines).try_init();
    if let Err(error) = started {
        eprintln!("telemetry: {error}");
    }
    Guard(provider)
}

fn exporter(service: &'static str, endpoint: &str) -> Option<SdkTracerProvider> {
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_tonic().with_endpoint(endpoint).build();
    match exporter {
        Ok(exporter) => Some(
            SdkTracerProvider::builder()
                .with_batch_exporter(exporter)
                .with_resource(Resource::builder().with_service_name(service).build())
                .build(),
        ),
        Err(error) => {
            eprintln!("telemetry.otlp: {error}; sending no traces");
            None
        }
    }
}
