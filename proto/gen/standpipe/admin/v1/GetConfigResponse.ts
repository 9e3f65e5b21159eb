// Original file: proto/standpipe/admin/v1/admin.proto


export interface GetConfigResponse {
  'json'?: (string);
}

export interface GetConfigResponse__Output {
  'json'?: (string);
}
