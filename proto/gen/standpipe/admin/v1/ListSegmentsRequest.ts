// Original file: proto/standpipe/admin/v1/admin.proto


export interface ListSegmentsRequest {
}

export interface ListSegmentsRequest__Output {
}
