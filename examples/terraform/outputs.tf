output "client_id" {
  value = cloudflare_zero_trust_access_service_token.deploy_bot.client_id
}

output "client_secret" {
  value     = cloudflare_zero_trust_access_service_token.deploy_bot.client_secret
  sensitive = true
}

output "audience" {
  description = "What applications that verify sessions themselves expect in aud"
  value       = cloudflare_zero_trust_access_application.billing.aud
}
