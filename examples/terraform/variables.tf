variable "base_url" {
  description = "The management API, with its path"
  type        = string
  default     = "http://127.0.0.1:8788/client/v4"
}

variable "api_token" {
  description = "An API token that may write service tokens, apps and policies; set TF_VAR_api_token"
  type        = string
  sensitive   = true
}

variable "account_id" {
  description = "32 hex digits"
  type        = string
}

variable "domain" {
  description = "The protected application's host"
  type        = string
  default     = "billing.localhost"
}

variable "office" {
  description = "Where the machine may call from"
  type        = string
  default     = "127.0.0.0/8"
}
