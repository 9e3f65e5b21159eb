output "stream_name" {
  description = "firehose.stream"
  value       = aws_kinesis_firehose_delivery_stream.stream.name
}

output "bucket" {
  value = aws_s3_bucket.logs.id
}

output "collector_role_arn" {
  description = "For the ServiceAccount, by annotation or by Pod Identity association."
  value       = aws_iam_role.collector.arn
}
