# One machine, one protected application: the official provider, pointed at Sallyport.

terraform {
  required_version = ">= 1.8"

  required_providers {
    cloudflare = {
      source  = "cloudflare/cloudflare"
      version = "~> 5.22"
    }
  }
}

provider "cloudflare" {
  base_url  = var.base_url
  api_token = var.api_token
}

resource "cloudflare_zero_trust_access_service_token" "deploy_bot" {
  account_id = var.account_id
  name       = "deploy-bot"
  duration   = "8760h"

  # Raise the version to rotate; the previous secret is good until then.
  client_secret_version             = 1
  previous_client_secret_expires_at = "2027-01-01T00:00:00Z"
}

resource "cloudflare_zero_trust_access_group" "office" {
  account_id = var.account_id
  name       = "office"
  include    = [{ ip = { ip = var.office } }]
}

resource "cloudflare_zero_trust_access_policy" "robots" {
  account_id = var.account_id
  name       = "robots"
  decision   = "non_identity"
  include    = [{ service_token = { token_id = cloudflare_zero_trust_access_service_token.deploy_bot.id } }]
  require    = [{ group = { id = cloudflare_zero_trust_access_group.office.id } }]
}

resource "cloudflare_zero_trust_access_application" "billing" {
  account_id                = var.account_id
  type                      = "self_hosted"
  name                      = "billing"
  domain                    = var.domain
  session_duration          = "2h"
  service_auth_401_redirect = true
  policies                  = [{ id = cloudflare_zero_trust_access_policy.robots.id, precedence = 1 }]
}
