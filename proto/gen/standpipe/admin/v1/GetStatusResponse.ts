// Original file: proto/standpipe/admin/v1/admin.proto


export interface GetStatusResponse {
  'json'?: (string);
}

export interface GetStatusResponse__Output {
  'json'?: (string);
}
