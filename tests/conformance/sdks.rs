//! The official SDKs: every operation that is served, in the account and in a zone.

use crate::{as_text, in_a_world, management};
use harness::client;
use harness::upstream::Upstream;

#[tokio::test(flavor = "multi_thread")]
async fn the_official_python_sdk_drives_every_operation_that_is_served() {
    in_a_world(Some(Upstream::start().await), &[], async |world| {
        println!("{}", client::python("management.py", &as_text(&management(world))).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_typescript_sdk_drives_every_operation_that_is_served() {
    in_a_world(Some(Upstream::start().await), &[], async |world| {
        let mut settings = management(world);
        settings.push(("SALLYPORT_AUTHORITY", client::python("authority.py", &[]).await));
        println!("{}", client::node("management.mjs", &as_text(&settings)).await);
    })
    .await;
}
