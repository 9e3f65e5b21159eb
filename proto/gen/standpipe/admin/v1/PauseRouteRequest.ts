// Original file: proto/standpipe/admin/v1/admin.proto


export interface PauseRouteRequest {
  'route'?: (string);
}

export interface PauseRouteRequest__Output {
  'route'?: (string);
}
