// Original file: proto/standpipe/admin/v1/admin.proto


export interface ResumeRouteRequest {
  'route'?: (string);
}

export interface ResumeRouteRequest__Output {
  'route'?: (string);
}
