// Original file: proto/standpipe/admin/v1/admin.proto


export interface GetConfigRequest {
}

export interface GetConfigRequest__Output {
}
