//! A Client ID that does not exist and a wrong secret: the same answer, the same work, the same time.

use super::World;
use super::secrets::{Lines, contains, keep_every_line_wanted};
use super::world::{Made, Registry};
use crate::failures::GUESSING;
use crate::pepper::tests::HASHES;
use crate::store::LOOK_UPS;
use model::{ClientId, ClientSecret, Clock as _, SystemClock};
use std::time::Duration;
use tracing_subscriber::filter::LevelFilter;

fn any_secret() -> String {
    ClientSecret::generate().unwrap().expose().to_owned()
}

fn any_id() -> String {
    ClientId::generate().unwrap().to_string()
}

async fn fail(registry: &Registry, client_id: &str) {
    let refused = registry.authenticate(client_id, &any_secret()).await.err().unwrap();
    assert_eq!(refused.reason(), "TOKEN_UNKNOWN");
}

/// Keyed hashes of secrets, look-ups in the database, and what was read from and written to the cache.
async fn work(world: &World, registry: &Registry, client_id: &str) -> (usize, usize, usize, usize) {
    let count = || (HASHES.get(), LOOK_UPS.get(), *world.cache.gets.lock(), world.cache.puts());
    let before = count();
    fail(registry, client_id).await;
    let after = count();
    (after.0 - before.0, after.1 - before.1, after.2 - before.2, after.3 - before.3)
}

/// One thread: what is counted on it was done for the call.
#[tokio::test]
async fn a1_an_unknown_client_id_and_a_wrong_secret_cost_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::sqlite(directory.path()).await;
    let registry = world.registry().await;
    let (one, two, off) =
        (registry.new_token().await, registry.new_token().await, registry.new_token().await);
    registry.rotated(&two, Some(world.later(Duration::from_hours(1)))).await;
    registry.enable(&off, false).await;
    registry.may_use_cache(&world.cache).await;
    for client_id in [any_id(), one.client_id, two.client_id, off.client_id] {
        assert_eq!(work(&world, &registry, &client_id).await, (2, 1, 1, 0), "{client_id}");
    }
}

#[tokio::test]
async fn a6_guessing_at_a_token_is_logged_in_few_lines_and_unknown_client_ids_in_number_alone() {
    keep_every_line_wanted();
    let lines = Lines::default();
    let _guard = lines.listen(LevelFilter::INFO);
    let directory = tempfile::tempdir().unwrap();
    let world = World::sqlite(directory.path()).await;
    let registry = world.registry().await;
    let made = registry.new_token().await;
    let unknown = any_id();
    for _ in 0..3 * GUESSING {
        fail(&registry, &made.client_id).await;
        fail(&registry, &unknown).await;
    }
    registry.stop().await;
    let text = String::from_utf8(lines.0.lock().clone()).unwrap();
    let about: Vec<_> = text.lines().filter(|line| line.contains(&made.id)).collect();
    let levels: Vec<_> = about.iter().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert_eq!(levels, ["INFO", "WARN", "INFO"], "{about:#?}");
    assert!(about[2].contains("number=60"), "{}", about[2]);
    assert!(text.contains("unknown=60"), "{text}");
    assert!(!contains(text.as_bytes(), unknown.as_bytes()));
}

/// Welch's t of two series.
fn welch(a: &[f64], b: &[f64]) -> f64 {
    let moments = |series: &[f64]| {
        let number = u32::try_from(series.len()).map(f64::from).unwrap();
        let mean = series.iter().sum::<f64>() / number;
        let variance = series.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / (number - 1.0);
        (mean, variance / number)
    };
    let ((mean_a, error_a), (mean_b, error_b)) = (moments(a), moments(b));
    (mean_a - mean_b) / (error_a + error_b).sqrt()
}

/// Below so many nanoseconds: what took longer was interrupted.
fn cropped(series: &[f64], below: f64) -> Vec<f64> {
    series.iter().copied().filter(|it| *it < below).collect()
}

fn quantile(series: &[f64], part: f64) -> f64 {
    let mut sorted = series.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let at = (part * (sorted.len() - 1) as f64) as usize;
    sorted[at]
}

/// By hand: `cargo test -p token-registry --lib a1_timing -- --ignored --nocapture`; `SAMPLES` says how many of each.
#[tokio::test]
#[ignore = "a measurement"]
async fn a1_timing_of_an_unknown_client_id_and_a_wrong_secret() {
    let samples = option_env!("SAMPLES").map_or(100_000, |text| text.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let world = World::sqlite(directory.path()).await;
    let registry = world.registry().await;
    let mut made: Vec<Made> = Vec::new();
    for _ in 0..100 {
        made.push(registry.new_token().await);
    }
    registry.may_use_cache(&world.cache).await;
    let mut series = [Vec::with_capacity(samples), Vec::with_capacity(samples)];
    let mut state = 1_u64;
    while series.iter().any(|series| series.len() < samples) {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let exists = state >> 63 == 1;
        let id = if exists { made[series[1].len() % made.len()].client_id.clone() } else { any_id() };
        let secret = any_secret();
        let began = SystemClock.boot();
        let refused = registry.authenticate(&id, &secret).await;
        let took = SystemClock.boot().since(began);
        assert!(refused.is_err());
        series[usize::from(exists)].push(took.as_secs_f64() * 1e9);
    }
    let [unknown, wrong] = &series;
    println!("unknown: n={} median={:.0} ns", unknown.len(), quantile(unknown, 0.5));
    println!("wrong:   n={} median={:.0} ns", wrong.len(), quantile(wrong, 0.5));
    println!("t = {:.2}", welch(unknown, wrong));
    let both: Vec<f64> = unknown.iter().chain(wrong).copied().collect();
    for part in [0.99, 0.9, 0.5] {
        let below = quantile(&both, part);
        let t = welch(&cropped(unknown, below), &cropped(wrong, below));
        println!("t = {t:.2} of those below {below:.0} ns ({part})");
    }
}
