// Original file: proto/standpipe/admin/v1/admin.proto


export interface SetLogLevelResponse {
  'before'?: (string);
}

export interface SetLogLevelResponse__Output {
  'before'?: (string);
}
