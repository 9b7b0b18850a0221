{{/* What all pods have, as the Pod Security level "restricted" demands. Takes dict root; mounts: the list of muster.mounts; settings: where they may run. */}}
{{- define "muster.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- with .settings.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .settings.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .settings.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .settings.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
{{- range .mounts }}
  - {{ mergeOverwrite (dict "name" .name) .volume | toYaml | nindent 4 | trim }}
{{- end }}
{{- end }}

{{/* The one container of a pod. Takes dict root, name, command, environment, mounts, resources. */}}
{{- define "muster.container" -}}
name: {{ .name }}
image: {{ include "muster.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
command: {{- toYaml .command | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
env: {{- .environment | trim | nindent 2 }}
resources: {{- toYaml .resources | nindent 2 }}
volumeMounts:
{{- range .mounts }}
  - {{ omit . "volume" | toYaml | nindent 4 | trim }}
{{- end }}
{{- end }}
