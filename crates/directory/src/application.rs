//! One application, ready to judge requests.

use crate::convert;
use crate::cors::Cors;
use crate::denial::Denial;
use crate::failure_mode::FailureMode;
use model::{AccountId, ApplicationId, Audience, Error, GroupId, SessionDuration};
use policy::{CompiledPolicies, Decided, DomainPattern, Group, Policy};
use proto::policy_evaluator as wire;
use std::sync::Arc;
use std::time::Duration;

/// One application: its place, its compiled policies, and the settings that concern requests. Immutable.
#[derive(Debug)]
pub struct Application {
    pub id: ApplicationId,
    pub account: AccountId,
    pub aud: Audience,
    pub name: Arc<str>,
    /// The first of its domains, as it was given.
    pub domain: Arc<str>,
    pub domains: Arc<[DomainPattern]>,
    pub policies: CompiledPolicies,
    pub settings: Arc<Settings>,
    pub failure_mode: FailureMode,
    terms: Arc<Terms>,
    is_closed: bool,
}

/// What concerns the path of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "every one is a setting of its own")]
pub struct Settings {
    /// Lower-case name of the header that carries both credentials as JSON.
    pub read_service_tokens_from_header: Option<Box<str>>,
    /// 401 instead of 403 for a request that a Service Auth policy blocks.
    pub service_auth_401_redirect: bool,
    /// Preflight OPTIONS requests pass.
    pub options_preflight_bypass: bool,
    pub cookie: Cookie,
    /// What pages of other origins may do; none: nothing is said to them.
    pub cors: Option<Box<Cors>>,
    /// What is said to whoever is refused; none: our own words.
    pub denial: Option<Box<Denial>>,
    /// A session is good together with its `CF_Binding` cookie alone.
    pub binds_sessions: bool,
    /// Our own answers may stand in another page's frame.
    pub allows_frames: bool,
}

/// Attributes of the `CF_Authorization` cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cookie {
    pub http_only: bool,
    pub same_site: SameSite,
    /// Scoped to the path of the domain that matched.
    pub is_path_scoped: bool,
}

impl Default for Cookie {
    fn default() -> Self {
        Self { http_only: true, same_site: SameSite::Unset, is_path_scoped: false }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SameSite {
    #[default]
    Unset,
    None,
    Lax,
    Strict,
}

impl SameSite {
    /// `none`, `lax`, `strict` or empty.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text {
            "" => Ok(Self::Unset),
            "none" => Ok(Self::None),
            "lax" => Ok(Self::Lax),
            "strict" => Ok(Self::Strict),
            _ => Err(Error::invalid("same_site_cookie_attribute", "must be none, lax, strict or empty")),
        }
    }
}

/// The policies as written, and how long sessions last.
#[derive(Debug, Default)]
struct Terms {
    policies: Vec<Policy>,
    /// Beside each policy; none: the application's.
    durations: Vec<Option<Duration>>,
    session_duration: Duration,
    session_signature: wire::SessionSignature,
}

impl Application {
    /// Reads and compiles a state. What this version cannot read closes the application.
    ///
    /// # Errors
    /// The state does not even say which application it is.
    pub fn read<'a>(
        state: &wire::ApplicationState,
        find: impl Fn(GroupId) -> Option<&'a Group>,
    ) -> Result<Self, Error> {
        let wire::ApplicationState { application, failure_mode, request_settings, session_signature } = state;
        let state = application.as_ref().ok_or_else(|| Error::internal("the state is empty"))?;
        let (id, account, aud) = (state.id.parse()?, state.account_id.parse()?, state.aud.parse()?);
        let spec = state.spec.clone().unwrap_or_default();
        let (domains, unreadable_domain) = read_domains(&spec);
        let content = read_settings(&spec, request_settings.as_ref())
            .and_then(|settings| Ok((settings, read_terms(&spec, state, *session_signature)?)));
        let content = unreadable_domain.map_or(content, Err);
        let is_closed = content.is_err();
        let (settings, terms) = content.unwrap_or_else(|error| {
            tracing::error!(application = %id, %error, "unreadable application: it denies everything");
            (Settings::default(), Terms::default())
        });
        Ok(Self {
            id,
            account,
            aud,
            name: spec.name.as_str().into(),
            domain: spec.domain.as_str().into(),
            domains: domains.into(),
            policies: CompiledPolicies::compile(&terms.policies, find),
            settings: settings.into(),
            failure_mode: if is_closed {
                FailureMode::Closed
            } else {
                read_failure_mode(id, failure_mode.as_ref())
            },
            terms: terms.into(),
            is_closed,
        })
    }

    /// The same with other groups.
    pub(crate) fn recompiled<'a>(&self, find: impl Fn(GroupId) -> Option<&'a Group>) -> Self {
        Self {
            aud: self.aud.clone(),
            name: self.name.clone(),
            domain: self.domain.clone(),
            domains: self.domains.clone(),
            policies: CompiledPolicies::compile(&self.terms.policies, find),
            settings: self.settings.clone(),
            terms: self.terms.clone(),
            ..*self
        }
    }

    /// In the same place, denying everything.
    pub(crate) fn closed(&self) -> Self {
        Self {
            aud: self.aud.clone(),
            name: self.name.clone(),
            domain: self.domain.clone(),
            domains: self.domains.clone(),
            policies: CompiledPolicies::compile(&[], |_| None),
            settings: Arc::default(),
            failure_mode: FailureMode::Closed,
            terms: Arc::default(),
            is_closed: true,
            ..*self
        }
    }

    /// Its state could not be read, so no policy matches anything.
    pub const fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// The policy that decided, as it was written.
    pub fn policy(&self, decided: Decided) -> Option<&Policy> {
        self.terms.policies.get(decided.index)
    }

    /// How long a session lives that this policy admits: the policy's own duration, else the application's. Zero: this
    /// request only.
    pub fn session_duration(&self, decided: Decided) -> Duration {
        let own = self.terms.durations.get(decided.index).copied().flatten();
        own.unwrap_or(self.terms.session_duration)
    }

    /// What signs its sessions. Unspecified: RS256.
    pub fn session_signature(&self) -> wire::SessionSignature {
        self.terms.session_signature
    }
}

/// Closed if nothing is written, and if this version does not know what is.
fn read_failure_mode(id: ApplicationId, written: Option<&wire::FailureMode>) -> FailureMode {
    let read = written.map(FailureMode::read).transpose();
    let read =
        read.inspect_err(|error| tracing::error!(application = %id, %error, "unreadable failure mode"));
    read.ok().flatten().unwrap_or_default()
}

/// Every destination. One that cannot be read claims its whole host, if that can be read, so that its requests do not
/// fall to another application.
fn read_domains(spec: &wire::ApplicationSpec) -> (Vec<DomainPattern>, Option<Error>) {
    let mut patterns: Vec<DomainPattern> = Vec::new();
    let mut unreadable = None;
    for text in std::iter::once(&spec.domain).chain(&spec.destinations) {
        let pattern = DomainPattern::parse(text).or_else(|error| {
            unreadable = Some(error);
            DomainPattern::parse(text.split('/').next().unwrap_or_default())
        });
        match pattern {
            Ok(pattern) if !patterns.contains(&pattern) => patterns.push(pattern),
            Ok(_) | Err(_) => {}
        }
    }
    (patterns, unreadable)
}

fn read_settings(
    spec: &wire::ApplicationSpec,
    requests: Option<&wire::RequestSettings>,
) -> Result<Settings, Error> {
    let absent = wire::RequestSettings::default();
    let requests = requests.unwrap_or(&absent);
    let header = spec.read_service_tokens_from_header.to_ascii_lowercase();
    Ok(Settings {
        read_service_tokens_from_header: (!header.is_empty()).then(|| header.into()),
        service_auth_401_redirect: spec.service_auth_401_redirect,
        options_preflight_bypass: spec.options_preflight_bypass,
        cookie: Cookie {
            http_only: spec.http_only_cookie_attribute.unwrap_or(true),
            same_site: SameSite::parse(&spec.same_site_cookie_attribute)?,
            is_path_scoped: spec.path_cookie_attribute,
        },
        cors: requests.cors_headers.as_ref().map(Cors::read).transpose()?.flatten().map(Box::new),
        denial: Denial::read(requests)?.map(Box::new),
        binds_sessions: requests.enable_binding_cookie,
        allows_frames: requests.allow_iframe,
    })
}

fn read_terms(
    spec: &wire::ApplicationSpec,
    state: &wire::Application,
    session_signature: i32,
) -> Result<Terms, Error> {
    let mut terms = Terms {
        session_duration: match read_duration(spec.session_duration.as_deref())? {
            Some(duration) => duration,
            None => SessionDuration::parse(SessionDuration::DEFAULT)?.length(),
        },
        session_signature: session_signature
            .try_into()
            .map_err(|_| Error::invalid("session_signature", "is unknown to this version"))?,
        ..Terms::default()
    };
    for (index, policy) in state.policies.iter().enumerate() {
        let within = |error: Error| error.within(&format!("policies/{index}"));
        let duration = policy.spec.as_ref().and_then(|spec| spec.session_duration.as_deref());
        terms.durations.push(read_duration(duration).map_err(within)?);
        terms.policies.push(convert::policy(policy).map_err(within)?);
    }
    Ok(terms)
}

/// Empty is unset: clients write both.
fn read_duration(text: Option<&str>) -> Result<Option<Duration>, Error> {
    let parse = |text| SessionDuration::parse(text).map(|duration| duration.length());
    text.filter(|text| !text.is_empty()).map(parse).transpose()
}
