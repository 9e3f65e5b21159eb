variable "stream_name" {
  type    = string
  default = "standpipe"
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{0,26}$", var.stream_name))
    error_message = "Must be 1 to 27 lower-case letters, digits, dots and dashes: the names of bucket and roles begin with it."
  }
}

variable "compression" {
  description = "Who makes the objects .gz. stream: Firehose does, and the quota and the bill count plain bytes. standpipe: the route has compression gzip, and both count about a sixth. none: nobody."
  type        = string
  default     = "stream"
  validation {
    condition     = contains(["stream", "standpipe", "none"], var.compression)
    error_message = "Must be stream, standpipe or none."
  }
}

variable "retention_days" {
  description = "After so many days objects are deleted."
  type        = number
  default     = 365
}

variable "cold_after_days" {
  description = "After so many days objects move to infrequent access; 30 at least, and less than retention_days."
  type        = number
  default     = 30
}

variable "find_quota" {
  description = "Optional. Whether the collector may ask what the stream takes; else set firehose.bytesPerSecond."
  type        = bool
  default     = true
}

variable "check_stream" {
  description = "Optional. Whether the collector may look at the stream's settings, to warn of some."
  type        = bool
  default     = true
}

variable "oidc_provider_arn" {
  description = "For IRSA, the cluster's OpenID Connect provider. Empty for EKS Pod Identity."
  type        = string
  default     = ""
}

variable "oidc_provider_host" {
  description = "For IRSA, the provider's host and path, without https."
  type        = string
  default     = ""
}

variable "service_account" {
  description = "For IRSA, namespace and name of the ServiceAccount."
  type        = string
  default     = "standpipe:standpipe"
}

variable "alarm_topic_arn" {
  description = "Where alarms go. Empty for nowhere; they are to be seen in CloudWatch all the same."
  type        = string
  default     = ""
}
