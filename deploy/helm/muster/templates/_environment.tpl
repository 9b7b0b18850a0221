{{/* Plain variables of a process, a map by name: a name cannot be there twice. Takes dict root, uses, and env: further ones. */}}
{{- define "muster.environment" -}}
{{- $values := .root.Values }}
{{- $env := dict "NODE_ENV" "production" }}
{{- if $values.trustedAuthorities.existingConfigMap }}
{{- $_ := set $env "NODE_EXTRA_CA_CERTS" "/authorities/ca.crt" }}
{{- end }}
{{- if has "nats" .uses }}
{{- $_ := set $env "MUSTER_NATS_URL" $values.nats.url }}
{{- $_ := set $env "MUSTER_NATS_CREDENTIALS_FILE" "/secrets/nats/services.creds" }}
{{- $_ := set $env "MUSTER_PUBLIC_URL" $values.publicUrl }}
{{- end }}
{{- if and (has "nats" .uses) (has "database" .uses) }}
{{- $_ := set $env "MUSTER_NATS_STREAM_REPLICAS" (include "muster.text" $values.nats.streamReplicas) }}
{{- end }}
{{- if has "integrations" .uses }}
{{- if $values.nats.integrations.existingSecret }}
{{- $_ := set $env "MUSTER_NATS_INTEGRATIONS_FILE" "/secrets/integrations/integrations.json" }}
{{- end }}
{{- with $values.nats.publicUrl }}{{ $_ := set $env "MUSTER_NATS_PUBLIC_URL" . }}{{ end }}
{{- end }}
{{- if has "adminApiKey" .uses }}
{{- $_ := set $env "MUSTER_ADMIN_API_KEY_FILE" "/secrets/admin/api-key" }}
{{- end }}
{{- if and (has "iotHubs" .uses) $values.iotHubs.existingSecret }}
{{- $_ := set $env "MUSTER_SEALING_KEY_FILE" "/secrets/iot-hubs/sealing-key" }}
{{- end }}
{{- if has "files" .uses }}
{{- $_ := set $env "MUSTER_FILES" (ternary "/files" $values.files.location (eq $values.files.location "claim")) }}
{{- if not (include "muster.filesAreClaimed" .root) }}
{{- $_ := set $env "MUSTER_FILES_S3_REGION" $values.files.s3.region }}
{{- with $values.files.s3.endpoint }}{{ $_ := set $env "MUSTER_FILES_S3_ENDPOINT" . }}{{ end }}
{{- with $values.files.s3.accessKeyId }}{{ $_ := set $env "MUSTER_FILES_S3_ACCESS_KEY_ID" . }}{{ end }}
{{- if $values.files.s3.existingSecret }}{{ $_ := set $env "MUSTER_FILES_S3_SECRET_ACCESS_KEY_FILE" "/secrets/s3/secret-access-key" }}{{ end }}
{{- end }}
{{- end }}
{{- range $name, $value := .env }}{{ $_ := set $env $name (include "muster.text" $value) }}{{ end }}
{{- range $name, $value := $env }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- range $use, $name := dict "database" "MUSTER_DATABASE_URL" "amqp" "MUSTER_AMQP_URL" "brokerMqtt" "MUSTER_BROKER_MQTT_URL" }}
{{- if has $use $.uses }}
{{- $secret := index $values $use }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret.existingSecret }}
      key: {{ $secret.key }}
{{- end }}
{{- end }}
{{- end }}

{{/* The variables of a service alone. Takes dict root, name, fact, settings. */}}
{{- define "muster.serviceEnvironment" -}}
{{- $values := .root.Values }}
{{- $env := dict "MUSTER_OPS_HOST" "0.0.0.0" "MUSTER_OPS_PORT" "9090" "MUSTER_STOP_SECONDS" (include "muster.stopSeconds" .) }}
{{- $proxies := join "," $values.http.trustedProxies }}
{{- if eq .name "gateway" }}
{{- with $proxies }}{{ $_ := set $env "MUSTER_GATEWAY_TRUSTED_PROXIES" . }}{{ end }}
{{- else if eq .name "http-adapter" }}
{{- with $proxies }}{{ $_ := set $env "MUSTER_HTTP_ADAPTER_TRUSTED_PROXIES" . }}{{ end }}
{{- else if eq .name "firmware" }}
{{- $_ := set $env "MUSTER_FIRMWARE_BASE_URL" $values.devicesUrl }}
{{- else if eq .name "mqtt-front" }}
{{- $_ := set $env "MUSTER_MQTT_HOST" (ternary "0.0.0.0" "127.0.0.1" $values.mqtt.plain) }}
{{- $_ := set $env "MUSTER_MQTT_DRAIN_SECONDS" (include "muster.text" $values.mqtt.drainSeconds) }}
{{- with join "," $values.mqtt.trustedProxies }}{{ $_ := set $env "MUSTER_MQTT_TRUSTED_PROXIES" . }}{{ end }}
{{- if $values.mqtt.tls.existingSecret }}
{{- $_ := set $env "MUSTER_MQTT_TLS_CERTIFICATE_FILE" "/secrets/mqtt-tls/tls.crt" }}
{{- $_ := set $env "MUSTER_MQTT_TLS_KEY_FILE" "/secrets/mqtt-tls/tls.key" }}
{{- end }}
{{- end }}
{{- mergeOverwrite $env (deepCopy (.fact.env | default dict)) (deepCopy $values.env) (deepCopy (.settings.env | default dict)) | toYaml }}
{{- end }}

{{/* Volumes with where they are mounted. Takes dict root, name, uses. */}}
{{- define "muster.mounts" -}}
{{- $values := .root.Values }}
- name: tmp
  mountPath: /tmp
  volume: { emptyDir: {} }
{{- with $values.trustedAuthorities.existingConfigMap }}
- name: authorities
  mountPath: /authorities
  volume:
    configMap:
      name: {{ . }}
      items: [{ key: {{ $values.trustedAuthorities.key }}, path: ca.crt }]
{{- end }}
{{- if has "nats" .uses }}
{{ include "muster.secretMount" (dict "name" "nats" "secret" $values.nats.credentials "file" "services.creds") }}
{{- end }}
{{- if and (has "integrations" .uses) $values.nats.integrations.existingSecret }}
{{ include "muster.secretMount" (dict "name" "integrations" "secret" $values.nats.integrations "file" "integrations.json") }}
{{- end }}
{{- if has "adminApiKey" .uses }}
{{ include "muster.secretMount" (dict "name" "admin" "secret" $values.adminApiKey "file" "api-key") }}
{{- end }}
{{- if and (has "iotHubs" .uses) $values.iotHubs.existingSecret }}
{{ include "muster.secretMount" (dict "name" "iot-hubs" "secret" $values.iotHubs "file" "sealing-key") }}
{{- end }}
{{- if and (eq .name "mqtt-front") $values.mqtt.tls.existingSecret }}
- name: mqtt-tls
  mountPath: /secrets/mqtt-tls
  readOnly: true
  # Whole and not by subPath: so a renewed certificate arrives without a restart.
  volume:
    secret:
      secretName: {{ $values.mqtt.tls.existingSecret }}
      defaultMode: 0440
{{- end }}
{{- if has "files" .uses }}
{{- if include "muster.filesAreClaimed" .root }}
- name: files
  mountPath: /files
  volume:
    persistentVolumeClaim: { claimName: {{ include "muster.filesClaim" .root }} }
{{- else if $values.files.s3.existingSecret }}
{{ include "muster.secretMount" (dict "name" "s3" "secret" $values.files.s3 "file" "secret-access-key") }}
{{- end }}
{{- end }}
{{- end }}

{{/* One key of a Secret as a file, which the group may read: the process is not root. */}}
{{- define "muster.secretMount" -}}
- name: {{ .name }}
  mountPath: /secrets/{{ .name }}
  readOnly: true
  volume:
    secret:
      secretName: {{ .secret.existingSecret }}
      defaultMode: 0440
      items: [{ key: {{ .secret.key }}, path: {{ .file }} }]
{{- end }}
