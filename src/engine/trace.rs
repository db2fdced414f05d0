//! The part of BuildKit's `StatusResponse` (api/services/control/control.proto) that the daemon streams as
//! `moby.buildkit.trace`. Written out here because generated code for the whole API would be a thousand times this.

use prost_types::Timestamp;

/// What changed since the last response.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StatusResponse {
    /// Steps.
    #[prost(message, repeated, tag = "1")]
    pub vertexes: Vec<Vertex>,
    /// Transfers inside steps.
    #[prost(message, repeated, tag = "2")]
    pub statuses: Vec<VertexStatus>,
    /// Output.
    #[prost(message, repeated, tag = "3")]
    pub logs: Vec<VertexLog>,
}

/// A step.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Vertex {
    /// Its digest, by which everything else refers to it.
    #[prost(string, tag = "1")]
    pub digest: String,
    /// Digests of the steps it needs.
    #[prost(string, repeated, tag = "2")]
    pub inputs: Vec<String>,
    /// Such as `[stage-0 2/5] RUN …`.
    #[prost(string, tag = "3")]
    pub name: String,
    /// Whether it came from the cache.
    #[prost(bool, tag = "4")]
    pub cached: bool,
    /// Start.
    #[prost(message, optional, tag = "5")]
    pub started: Option<Timestamp>,
    /// End.
    #[prost(message, optional, tag = "6")]
    pub completed: Option<Timestamp>,
    /// Why it failed; empty when it did not.
    #[prost(string, tag = "7")]
    pub error: String,
}

/// A transfer or another part of a step.
#[derive(Clone, PartialEq, prost::Message)]
pub struct VertexStatus {
    /// What is moved, such as a layer's digest.
    #[prost(string, tag = "1")]
    pub id: String,
    /// The step's digest.
    #[prost(string, tag = "2")]
    pub vertex: String,
    /// Such as `extracting`.
    #[prost(string, tag = "3")]
    pub name: String,
    /// Bytes so far.
    #[prost(int64, tag = "4")]
    pub current: i64,
    /// Bytes in all; 0 when unknown.
    #[prost(int64, tag = "5")]
    pub total: i64,
}

/// A piece of output.
#[derive(Clone, PartialEq, prost::Message)]
pub struct VertexLog {
    /// The step's digest.
    #[prost(string, tag = "1")]
    pub vertex: String,
    /// 1 is standard output, 2 standard error.
    #[prost(int64, tag = "3")]
    pub stream: i64,
    /// The bytes, cut anywhere.
    #[prost(bytes = "vec", tag = "4")]
    pub message: Vec<u8>,
}
