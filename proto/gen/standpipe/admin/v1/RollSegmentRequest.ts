// Original file: proto/standpipe/admin/v1/admin.proto


export interface RollSegmentRequest {
}

export interface RollSegmentRequest__Output {
}
