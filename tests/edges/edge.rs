//! Each edge: our own gateway, and other people's proxies with the recipes of `deploy/`.

use crate::client::{PATIENCE, get};
use crate::recipes::{self, Fronts, Recipe};
use crate::recorder::Recorder;
use harness::{World, until};
use local_servers::Search;
use local_servers::proxy::{Kind, Proxy};
use std::net::SocketAddr;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    Gateway,
    Proxy(&'static Recipe),
}

impl At {
    pub fn all() -> Vec<Self> {
        std::iter::once(Self::Gateway).chain(recipes::ALL.iter().map(Self::Proxy)).collect()
    }

    /// As the corpus writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Proxy(recipe) => recipe.name,
        }
    }
}

/// One that runs.
pub struct Edge {
    pub at: At,
    pub address: SocketAddr,
    /// The application behind it.
    pub recorder: Recorder,
    pub _proxy: Option<Proxy>,
}

impl Edge {
    /// That asks this installation.
    pub async fn start(recipe: &'static Recipe, world: &World) -> Result<Self, String> {
        let recorder = Recorder::start().await;
        let fronts = Fronts::of(world, recorder.address)?;
        let edge = Self::asking(recipe, fronts, recorder).await?;
        let asks = async || {
            let answer = get(edge.address, "closed.test", "/", &[]).await.ok()?;
            (answer.status == Some(401)).then_some(())
        };
        // Envoy accepts connections before it knows that Sallyport is well.
        until(&format!("{} asks", recipe.name), PATIENCE, asks).await;
        Ok(edge)
    }

    /// That asks whatever is there.
    pub async fn asking(recipe: &'static Recipe, fronts: Fronts, recorder: Recorder) -> Result<Self, String> {
        let configure = |port, directory: &_| recipe.files(&fronts, port, directory);
        let proxy = Proxy::throwaway(recipe.kind, &Search::workspace(), configure).await;
        let proxy = proxy.map_err(|error| format!("{error:#}"))?;
        let edge = Self { at: At::Proxy(recipe), address: proxy.address, recorder, _proxy: Some(proxy) };
        // Traefik accepts connections before it has read its rules.
        let has_rules = async || {
            let answer = get(edge.address, "closed.test", "/", &[]).await.ok()?;
            (answer.status != Some(404)).then_some(())
        };
        if recipe.kind == Kind::Traefik {
            until("Traefik has its rules", PATIENCE, has_rules).await;
        }
        Ok(edge)
    }
}
