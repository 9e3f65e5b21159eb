// Original file: proto/standpipe/admin/v1/admin.proto


export interface ExportQuarantineRequest {
  'route'?: (string);
}

export interface ExportQuarantineRequest__Output {
  'route'?: (string);
}
