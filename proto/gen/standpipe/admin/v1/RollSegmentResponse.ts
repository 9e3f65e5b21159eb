// Original file: proto/standpipe/admin/v1/admin.proto


export interface RollSegmentResponse {
  'segments'?: (number);
}

export interface RollSegmentResponse__Output {
  'segments'?: (number);
}
