// Original file: proto/standpipe/admin/v1/admin.proto


export interface SetLogLevelRequest {
  'level'?: (string);
}

export interface SetLogLevelRequest__Output {
  'level'?: (string);
}
