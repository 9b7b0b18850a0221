{{- define "muster.name" -}}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{- end }}

{{- define "muster.labels" -}}
app.kubernetes.io/part-of: muster
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | trimAll "._-" | quote }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* Of a service or job, by its name: what selectors look for, and never changes. Takes dict root, name. */}}
{{- define "muster.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "muster.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* Numbers of a values file are floating-point to Helm, which writes 536870912 as 5.36870912e+08. */}}
{{- define "muster.text" -}}{{ if kindIs "float64" . }}{{ printf "%.0f" . }}{{ else }}{{ toString . }}{{ end }}{{- end }}

{{/* What `defaults` and `services.<name>` say together. Takes dict root, name. */}}
{{- define "muster.settings" -}}
{{- mergeOverwrite (deepCopy .root.Values.defaults) (deepCopy (index .root.Values.services .name)) | toYaml }}
{{- end }}

{{/* The door for MQTT closes its connections first, for which it has its own time. Takes dict root, name, settings. */}}
{{- define "muster.stopSeconds" -}}
{{- if eq .name "mqtt-front" }}{{ add .root.Values.mqtt.drainSeconds .settings.stopSeconds }}{{ else }}{{ int .settings.stopSeconds }}{{ end }}
{{- end }}

{{/* Whether an autoscaler says how many pods there are: of no service that is turned off. Takes dict root, settings. */}}
{{- define "muster.isScaled" -}}
{{- if and (ne .root.Values.autoscaling.by "none") (gt (int .settings.replicas) 0) }}true{{ end }}
{{- end }}

{{/* Most pods that want connections at the same moment: in a rolling update one more comes, and one goes that still has its own. Takes dict root, settings. */}}
{{- define "muster.mostPods" -}}
{{- if include "muster.isScaled" . }}{{ add .settings.autoscaling.maxReplicas 2 }}{{ else if eq (int .settings.replicas) 0 }}0{{ else }}{{ add .settings.replicas 2 }}{{ end }}
{{- end }}

{{- define "muster.filesAreClaimed" -}}{{ if eq .Values.files.location "claim" }}true{{ end }}{{- end }}

{{- define "muster.filesClaim" -}}{{ .Values.files.claim.existingClaim | default (printf "%s-files" (include "muster.name" .)) }}{{- end }}

{{- define "muster.serviceAccount" -}}{{ .Values.serviceAccount.name | default (ternary (include "muster.name" .) "default" .Values.serviceAccount.create) }}{{- end }}
