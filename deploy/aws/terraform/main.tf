# What Standpipe delivers to: a Direct PUT delivery stream, its bucket, the role that the collector takes on, and alarms.
# The CloudFormation in ../cloudformation makes the same; a test compares the two.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
}

data "aws_caller_identity" "current" {}

# Logs outlive the rest: terraform destroy stops here.
resource "aws_s3_bucket" "logs" {
  bucket_prefix = "${var.stream_name}-"
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "logs" {
  bucket = aws_s3_bucket.logs.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "logs" {
  bucket                  = aws_s3_bucket.logs.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "logs" {
  bucket = aws_s3_bucket.logs.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "logs" {
  bucket = aws_s3_bucket.logs.id
  rule {
    id     = "logs"
    status = "Enabled"
    filter {
      prefix = "logs/"
    }
    transition {
      days          = var.cold_after_days
      storage_class = "STANDARD_IA"
    }
    expiration {
      days = var.retention_days
    }
  }
  rule {
    id     = "halves"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

resource "aws_s3_bucket_policy" "logs" {
  bucket = aws_s3_bucket.logs.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyByTls"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.logs.arn, "${aws_s3_bucket.logs.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

resource "aws_cloudwatch_log_group" "errors" {
  name              = "/aws/kinesisfirehose/${var.stream_name}"
  retention_in_days = 30
}

resource "aws_cloudwatch_log_stream" "errors" {
  name           = "s3"
  log_group_name = aws_cloudwatch_log_group.errors.name
}

resource "aws_iam_role" "stream" {
  name_prefix = "${var.stream_name}-stream-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "firehose.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "stream" {
  name = "write-objects"
  role = aws_iam_role.stream.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
        Resource = aws_s3_bucket.logs.arn
      },
      {
        Effect   = "Allow"
        Action   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
        Resource = "${aws_s3_bucket.logs.arn}/*"
      },
      {
        Effect   = "Allow"
        Action   = "logs:PutLogEvents"
        Resource = "${aws_cloudwatch_log_group.errors.arn}:*"
      },
    ]
  })
}

resource "aws_kinesis_firehose_delivery_stream" "stream" {
  name        = var.stream_name
  destination = "extended_s3"
  # Roles take some seconds to be known everywhere.
  depends_on = [aws_iam_role_policy.stream]
  extended_s3_configuration {
    bucket_arn = aws_s3_bucket.logs.arn
    role_arn   = aws_iam_role.stream.arn
    # Folders by day and hour, as Hive and Athena's partition projection have them. Every prefix ends in a slash.
    prefix              = "logs/dt=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/"
    error_output_prefix = "errors/!{firehose:error-output-type}/dt=!{timestamp:yyyy-MM-dd}/"
    # Large objects: Athena reads few of them faster, and S3 bills each.
    buffering_size     = 128
    buffering_interval = 300
    compression_format = var.compression == "stream" ? "GZIP" : "UNCOMPRESSED"
    file_extension     = var.compression == "none" ? ".json" : ".json.gz"
    # No processing: each line ends with a line break already, and compressed records must stay as they are.
    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.errors.name
      log_stream_name = aws_cloudwatch_log_stream.errors.name
    }
  }
}

locals {
  by_pod_identity = {
    Effect    = "Allow"
    Principal = { Service = "pods.eks.amazonaws.com" }
    Action    = ["sts:AssumeRole", "sts:TagSession"]
    Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
  }
  by_oidc = {
    Effect    = "Allow"
    Principal = { Federated = var.oidc_provider_arn }
    Action    = "sts:AssumeRoleWithWebIdentity"
    Condition = { StringEquals = {
      "${var.oidc_provider_host}:aud" = "sts.amazonaws.com"
      "${var.oidc_provider_host}:sub" = "system:serviceaccount:${var.service_account}"
    } }
  }
}

resource "aws_iam_role" "collector" {
  name_prefix = "${var.stream_name}-collector-"
  # Both ways as texts: an expression has one type, and the two are not alike.
  assume_role_policy = (var.oidc_provider_arn == ""
    ? jsonencode({ Version = "2012-10-17", Statement = [local.by_pod_identity] })
    : jsonencode({ Version = "2012-10-17", Statement = [local.by_oidc] })
  )
}

resource "aws_iam_role_policy" "deliver" {
  name = "deliver"
  role = aws_iam_role.collector.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "Deliver"
      Effect   = "Allow"
      Action   = "firehose:PutRecordBatch"
      Resource = aws_kinesis_firehose_delivery_stream.stream.arn
    }]
  })
}

# Optional.
resource "aws_iam_role_policy" "find_quota" {
  count = var.find_quota ? 1 : 0
  name  = "find-quota"
  role  = aws_iam_role.collector.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "AskForTheLimitsOfStreams"
        Effect = "Allow"
        Action = "cloudwatch:GetMetricData"
        # CloudWatch knows no resources for it.
        Resource = "*"
      },
      {
        Sid      = "AskForTheQuotasOfTheRegion"
        Effect   = "Allow"
        Action   = ["servicequotas:ListServiceQuotas", "servicequotas:ListAWSDefaultServiceQuotas"]
        Resource = "*"
      },
    ]
  })
}

# Optional.
resource "aws_iam_role_policy" "check_stream" {
  count = var.check_stream ? 1 : 0
  name  = "check-stream"
  role  = aws_iam_role.collector.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "WarnOfSettingsThatFightOurs"
      Effect   = "Allow"
      Action   = "firehose:DescribeDeliveryStream"
      Resource = aws_kinesis_firehose_delivery_stream.stream.arn
    }]
  })
}
