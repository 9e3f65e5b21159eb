locals {
  stream_dimension = { DeliveryStreamName = aws_kinesis_firehose_delivery_stream.stream.name }
  alarm_actions    = var.alarm_topic_arn == "" ? [] : [var.alarm_topic_arn]
}

# Standpipe paces itself to the limit: a moment of throttling after a change is normal, a quarter of an hour is not.
resource "aws_cloudwatch_metric_alarm" "throttled" {
  alarm_name          = "${var.stream_name}-throttled"
  alarm_description   = "The stream has refused records for a quarter of an hour. Compare its limits with firehose.bytesPerSecond, and look for other senders."
  namespace           = "AWS/Firehose"
  metric_name         = "ThrottledRecords"
  dimensions          = local.stream_dimension
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "near_limit" {
  alarm_name          = "${var.stream_name}-near-limit"
  alarm_description   = "For half an hour more than 80 % of the stream's bytes per second were used. Ask for a higher limit before a burst asks for it."
  evaluation_periods  = 6
  threshold           = 80
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  metric_query {
    id          = "used"
    label       = "Part of the limit that is used, in percent"
    expression  = "100 * (incoming / 300) / limit"
    return_data = true
  }
  metric_query {
    id = "incoming"
    metric {
      namespace   = "AWS/Firehose"
      metric_name = "IncomingBytes"
      dimensions  = local.stream_dimension
      stat        = "Sum"
      period      = 300
    }
  }
  metric_query {
    id = "limit"
    metric {
      namespace   = "AWS/Firehose"
      metric_name = "BytesPerSecondLimit"
      dimensions  = local.stream_dimension
      stat        = "Minimum"
      period      = 300
    }
  }
}

# Firehose keeps for 24 hours what it can't write to S3, and then no longer: this one is worth waking somebody for.
resource "aws_cloudwatch_metric_alarm" "late" {
  alarm_name          = "${var.stream_name}-late"
  alarm_description   = "What Firehose has taken is not in S3 after an hour. After 24 hours it is lost. Look at the stream's role, its key, and the log group of its errors."
  namespace           = "AWS/Firehose"
  metric_name         = "DeliveryToS3.DataFreshness"
  dimensions          = local.stream_dimension
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 2
  threshold           = 3600
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}
