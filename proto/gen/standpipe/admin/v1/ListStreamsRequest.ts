// Original file: proto/standpipe/admin/v1/admin.proto


export interface ListStreamsRequest {
}

export interface ListStreamsRequest__Output {
}
