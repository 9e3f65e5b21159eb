// Original file: proto/standpipe/admin/v1/admin.proto


export interface DrainRequest {
}

export interface DrainRequest__Output {
}
