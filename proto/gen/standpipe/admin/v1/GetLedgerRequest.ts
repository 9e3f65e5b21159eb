// Original file: proto/standpipe/admin/v1/admin.proto


export interface GetLedgerRequest {
}

export interface GetLedgerRequest__Output {
}
