{{- define "standpipe.selector" -}}
app.kubernetes.io/name: {{ .Release.Name }}
app.kubernetes.io/component: collector
{{- end }}

{{- define "standpipe.labels" -}}
app.kubernetes.io/name: {{ .Release.Name }}
app.kubernetes.io/part-of: standpipe
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "standpipe.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag }}{{ end }}
{{- end }}

{{/* The configuration with the name of the replicas' own Service, unless others are named. */}}
{{- define "standpipe.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- if not (hasKey $config "peers") -}}
{{- $_ := set $config "peers" (dict "service" (printf "%s-peers:4317" .Release.Name)) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end }}

{{/* What the values ask for by name, over the environment as it is given: it goes before the configuration. */}}
{{- define "standpipe.environment" -}}
{{- $environment := deepCopy .Values.environment -}}
{{- if .Values.localFirehose.enabled -}}
{{- $_ := set $environment "AWS_REGION" "us-east-1" -}}
{{- /* It verifies no signature: any two words will do. */ -}}
{{- $_ := set $environment "AWS_ACCESS_KEY_ID" "local" -}}
{{- $_ := set $environment "AWS_SECRET_ACCESS_KEY" "local" -}}
{{- $_ := set $environment "STANDPIPE_FIREHOSE_STREAM" "logs" -}}
{{- $_ := set $environment "STANDPIPE_FIREHOSE_ENDPOINT" "http://local-firehose:4573" -}}
{{- end -}}
{{- if (.Values.tls).secret -}}
{{- $_ := set $environment "STANDPIPE_INGEST_PLAINTEXT" "false" -}}
{{- $_ := set $environment "STANDPIPE_IDENTITY_CERTIFICATE" "/etc/standpipe-tls/tls.crt" -}}
{{- $_ := set $environment "STANDPIPE_IDENTITY_KEY" "/etc/standpipe-tls/tls.key" -}}
{{- /* Replicas call each other by address: this is the name in the certificate. */ -}}
{{- $_ := set $environment "STANDPIPE_PEERS_AUTHORITIES" "/etc/standpipe-tls/ca.crt" -}}
{{- $_ := set $environment "STANDPIPE_PEERS_SERVER_NAME" .Release.Name -}}
{{- end -}}
{{- if (.Values.tokens).secret -}}
{{- $_ := set $environment "STANDPIPE_IDENTITY_TOKENS" "/etc/standpipe-tokens/senders" -}}
{{- $_ := set $environment "STANDPIPE_PEERS_TOKENS" "/etc/standpipe-tokens/replicas" -}}
{{- end -}}
{{- toYaml $environment -}}
{{- end }}

{{/* Not empty where the ports speak TLS. */}}
{{- define "standpipe.secured" -}}
{{- (.Values.tls).secret | default ((.Values.config).identity).certificate | default "" -}}
{{- end }}

{{- define "standpipe.restricted" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "standpipe.pod" -}}
metadata:
  labels:
    {{- include "standpipe.selector" . | nindent 4 }}
    app.kubernetes.io/part-of: standpipe
  annotations:
    # A change of the configuration rolls the pods, one at a time.
    checksum/config: {{ include "standpipe.config" . | sha256sum }}
    checksum/environment: {{ include "standpipe.environment" . | sha256sum }}
    prometheus.io/scrape: "true"
    prometheus.io/port: "4319"
    prometheus.io/path: /metrics
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ .Release.Name }}
  automountServiceAccountToken: false
  # A Service named standpipe would put STANDPIPE_... variables into the pods, which are not keys of the configuration.
  enableServiceLinks: false
  priorityClassName: {{ .Values.priorityClass.name }}
  # preStop 10 s, shutdown.drainMsMax, and 20 s for what comes before and after.
  terminationGracePeriodSeconds: {{ add 30 (ceil (divf (((.Values.config).shutdown).drainMsMax | default 25000) 1000)) }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  topologySpreadConstraints:
    {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "standpipe.selector" $ | nindent 10 }}
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: collector
      image: {{ include "standpipe.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [/app/collector/main.ts, --config, /etc/standpipe/standpipe.yaml]
      envFrom:
        - configMapRef:
            name: {{ .Release.Name }}-environment
      ports:
        - name: otlp-grpc
          containerPort: 4317
        - name: otlp-http
          containerPort: 4318
        - name: admin
          containerPort: 4319
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        {{- include "standpipe.restricted" . | nindent 8 }}
      # The journal is opened, and mended where it must be, before anything answers: up to ten minutes.
      startupProbe:
        httpGet: { path: /startupz, port: admin }
        periodSeconds: 5
        failureThreshold: 120
      livenessProbe:
        httpGet: { path: /livez, port: admin }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: { path: /readyz, port: admin }
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: 2
      lifecycle:
        preStop:
          # Until no node sends new connections here any more.
          sleep:
            seconds: 10
      volumeMounts:
        - name: config
          mountPath: /etc/standpipe
          readOnly: true
        - name: journal
          mountPath: /var/lib/standpipe
        {{- range $name := list "tls" "tokens" }}
        {{- if (index $.Values $name).secret }}
        - name: {{ $name }}
          mountPath: /etc/standpipe-{{ $name }}
          readOnly: true
        {{- end }}
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ .Release.Name }}-config
    {{- if not .Values.durable }}
    - name: journal
      ephemeral:
        volumeClaimTemplate:
          spec:
            {{- include "standpipe.claim" . | nindent 12 }}
    {{- end }}
    {{- range $name := list "tls" "tokens" }}
    {{- with (index $.Values $name).secret }}
    - name: {{ $name }}
      secret:
        secretName: {{ . }}
        # 0440, for the pod's group only: in a form that every reader of YAML takes alike.
        defaultMode: 288
    {{- end }}
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{- define "standpipe.claim" -}}
accessModes: [{{ .Values.volume.accessMode }}]
{{- with .Values.volume.storageClass }}
storageClassName: {{ . }}
{{- end }}
resources:
  requests:
    storage: {{ .Values.volume.size }}
{{- end }}
