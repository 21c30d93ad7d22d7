# Every resource of the official provider that is served here, twice: as it is made and, with `changed`, as it is changed.

terraform {
  required_providers {
    cloudflare = { source = "cloudflare/cloudflare" }
  }
}

variable "changed" { type = bool }
variable "account_id" { type = string }
variable "auth_domain" { type = string }
variable "authority" { type = string }
variable "hook" { type = string }

resource "cloudflare_zero_trust_access_service_token" "rotated" {
  account_id                        = var.account_id
  name                              = var.changed ? "rotated 2" : "rotated"
  duration                          = var.changed ? "720h" : "8760h"
  client_secret_version             = var.changed ? 2 : 1
  previous_client_secret_expires_at = var.changed ? "2099-01-01T00:00:00Z" : "2098-01-01T00:00:00Z"
}

resource "cloudflare_zero_trust_access_service_token" "plain" {
  zone_id  = var.account_id
  name     = "plain"
  duration = var.changed ? null : "forever"
}

resource "cloudflare_zero_trust_access_tag" "machines" {
  account_id = var.account_id
  name       = "machines"
}

resource "cloudflare_zero_trust_access_group" "everything" {
  account_id = var.account_id
  name       = "everything"
  include = concat([
    { service_token = { token_id = cloudflare_zero_trust_access_service_token.plain.id } },
    { any_valid_service_token = {} },
    { everyone = {} },
    { ip = { ip = "2001:db8::/32" } },
    { geo = { country_code = "PT" } },
    { certificate = {} },
    { common_name = { common_name = "robot.example.test" } },
  ], var.changed ? [] : [{ ip = { ip = "192.0.2.1/32" } }])
  require = var.changed ? null : [{ ip = { ip = "0.0.0.0/0" } }]
  exclude = [{ geo = { country_code = "KP" } }]
}

resource "cloudflare_zero_trust_access_policy" "robots" {
  account_id       = var.account_id
  name             = "robots"
  decision         = "non_identity"
  include          = [{ group = { id = cloudflare_zero_trust_access_group.everything.id } }]
  require          = [{ ip = { ip = "0.0.0.0/0" } }]
  session_duration = "30m"
}

resource "cloudflare_zero_trust_access_policy" "nobody" {
  account_id                     = var.account_id
  name                           = "nobody"
  decision                       = "deny"
  include                        = [{ everyone = {} }]
  exclude                        = [{ service_token = { token_id = cloudflare_zero_trust_access_service_token.plain.id } }]
  purpose_justification_required = var.changed ? null : true
  purpose_justification_prompt   = var.changed ? null : "why?"
}

resource "cloudflare_zero_trust_access_application" "few" {
  account_id = var.account_id
  type       = "self_hosted"
  name       = "few"
  domain     = "few.example.test"
  policies   = [{ id = cloudflare_zero_trust_access_policy.robots.id }, { id = cloudflare_zero_trust_access_policy.nobody.id }]
}

resource "cloudflare_zero_trust_access_application" "many" {
  zone_id                         = var.account_id
  type                            = "self_hosted"
  name                            = "many"
  domain                          = "many.example.test"
  session_duration                = var.changed ? null : "2h"
  tags                            = [cloudflare_zero_trust_access_tag.machines.name]
  app_launcher_visible            = false
  http_only_cookie_attribute      = false
  same_site_cookie_attribute      = "lax"
  path_cookie_attribute           = true
  service_auth_401_redirect       = !var.changed
  skip_interstitial               = true
  custom_deny_message             = var.changed ? null : "no"
  custom_deny_url                 = "https://example.test/no"
  enable_binding_cookie           = true
  read_service_tokens_from_header = "X-Token"
  cors_headers = var.changed ? null : {
    allowed_methods = ["GET", "POST"]
    allowed_origins = ["https://example.test"]
    max_age         = 600
  }
  destinations = [
    { type = "public", uri = "many.example.test" },
    { type = "public", uri = "other.example.test/x" },
  ]
  policies = [
    { name = "inline", decision = "non_identity", include = [{ any_valid_service_token = {} }], precedence = 1 },
    { name = "second", decision = "bypass", include = [{ ip = { ip = "198.51.100.0/24" } }], precedence = 2 },
  ]
}

resource "cloudflare_zero_trust_access_mtls_certificate" "authority" {
  account_id           = var.account_id
  name                 = "authority"
  certificate          = var.authority
  associated_hostnames = var.changed ? [] : ["many.example.test"]
}

resource "cloudflare_zero_trust_access_mtls_hostname_settings" "many" {
  account_id = var.account_id
  settings   = [{ hostname = "many.example.test", china_network = false, client_certificate_forwarding = true }]
}

resource "cloudflare_zero_trust_access_key_configuration" "keys" {
  account_id                 = var.account_id
  key_rotation_interval_days = var.changed ? 40 : 30
}

resource "cloudflare_zero_trust_organization" "own" {
  account_id                 = var.account_id
  name                       = "Development"
  auth_domain                = var.auth_domain
  session_duration           = "12h"
  warp_auth_session_duration = var.changed ? null : "6h"
}

resource "cloudflare_notification_policy_webhooks" "hook" {
  account_id = var.account_id
  name       = "hook"
  url        = var.hook
  secret     = "a shared secret"
}

resource "cloudflare_notification_policy" "expiring" {
  account_id  = var.account_id
  name        = "expiring"
  description = var.changed ? null : "soon"
  enabled     = !var.changed
  alert_type  = "expiring_service_token_alert"
  mechanisms = {
    email    = [{ id = "robots@example.test" }]
    webhooks = [{ id = cloudflare_notification_policy_webhooks.hook.id }]
  }
}

data "cloudflare_zero_trust_access_service_token" "plain" {
  account_id = var.account_id
  filter     = { name = cloudflare_zero_trust_access_service_token.plain.name }
}

data "cloudflare_zero_trust_access_applications" "all" {
  account_id = var.account_id
}
