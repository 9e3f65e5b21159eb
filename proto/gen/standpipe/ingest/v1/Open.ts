// Original file: proto/standpipe/ingest/v1/ingest.proto


export interface Open {
  'client'?: (string);
}

export interface Open__Output {
  'client'?: (string);
}
