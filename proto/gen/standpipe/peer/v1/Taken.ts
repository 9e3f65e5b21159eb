// Original file: proto/standpipe/peer/v1/peer.proto


export interface Taken {
}

export interface Taken__Output {
}
