//! Generated gRPC code of `proto/`, one module per package, and the descriptor set for reflection.
//!
//! To add a message or call: edit the `.proto`, list a new file in `build.rs`, add its module here. A message that
//! carries a secret belongs in `SECRET_BEARING` there and in `redacted.rs` here.

#![allow(clippy::pedantic, clippy::all, unused_qualifications, reason = "generated code")]

mod redacted;

mod sallyport {
    pub mod change_feed {
        pub mod v1 {
            tonic::include_proto!("sallyport.change_feed.v1");
        }
    }
    pub mod token_registry {
        pub mod v1 {
            tonic::include_proto!("sallyport.token_registry.v1");
        }
    }
    pub mod policy_evaluator {
        pub mod v1 {
            tonic::include_proto!("sallyport.policy_evaluator.v1");
        }
    }
    pub mod session_issuer {
        pub mod v1 {
            tonic::include_proto!("sallyport.session_issuer.v1");
        }
    }
    pub mod notifier {
        pub mod v1 {
            tonic::include_proto!("sallyport.notifier.v1");
        }
    }
    pub mod audit {
        pub mod v1 {
            tonic::include_proto!("sallyport.audit.v1");
        }
    }
    pub mod access_log {
        pub mod v1 {
            tonic::include_proto!("sallyport.access_log.v1");
        }
    }
}

pub use sallyport::access_log::v1 as access_log;
mod envoy {
    pub mod config {
        pub mod core {
            pub mod v3 {
                tonic::include_proto!("envoy.config.core.v3");
            }
        }
    }
    pub mod service {
        pub mod auth {
            pub mod v3 {
                tonic::include_proto!("envoy.service.auth.v3");
            }
        }
    }
    pub mod r#type {
        pub mod v3 {
            tonic::include_proto!("envoy.r#type.v3");
        }
    }
}

mod google {
    pub mod rpc {
        tonic::include_proto!("google.rpc");
    }
}

/// Envoy's external authorization, and what it speaks of.
pub mod ext_authz {
    pub use crate::envoy::config::core::v3::*;
    pub use crate::envoy::service::auth::v3::*;
    pub use crate::envoy::r#type::v3::HttpStatus;
    pub use crate::google::rpc::Status;
}

pub use sallyport::audit::v1 as audit;
pub use sallyport::change_feed::v1 as change_feed;
pub use sallyport::notifier::v1 as notifier;
pub use sallyport::policy_evaluator::v1 as policy_evaluator;
pub use sallyport::session_issuer::v1 as session_issuer;
pub use sallyport::token_registry::v1 as token_registry;

/// Every message and service, encoded as a `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
