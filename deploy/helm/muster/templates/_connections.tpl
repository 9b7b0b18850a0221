{{/*
Every process keeps a pool of connections to PostgreSQL, and some beside it. What cannot fit under max_connections is refused here,
in words: the server would refuse it later, at the worst moment, in a rolling update under load.
*/}}
{{- define "muster.checkConnections" -}}
{{- $root := . }}
{{- $sum := 0 }}
{{- $parts := list }}
{{- range $name, $fact := .Files.Get "files/services.yaml" | fromYaml }}
{{- if $fact.connections }}
{{- $settings := include "muster.settings" (dict "root" $root "name" $name) | fromYaml }}
{{- $pods := include "muster.mostPods" (dict "root" $root "settings" $settings) | int }}
{{- $pool := get ($settings.env | default dict) $fact.connections.pool | default 8 | toString | int }}
{{- $each := add $pool $fact.connections.beside | int }}
{{- $sum = add $sum (mul $pods $each) | int }}
{{- $parts = append $parts (printf "%s %d x %d" $name $pods $each) }}
{{- end }}
{{- end }}
{{- $room := sub .Values.database.maxConnections .Values.database.reservedConnections | int }}
{{- if gt $sum $room }}
{{- fail (printf "\nThe services may open %d connections to PostgreSQL, and %d are there for them (database.maxConnections - database.reservedConnections).\nPods at most (one more comes and one goes in a rolling update) x connections: %s.\nLower replicas, autoscaling.maxReplicas or MUSTER_..._POOL_SIZE; or raise max_connections of the server and say so in database.maxConnections." $sum $room (join ", " $parts)) }}
{{- end }}
{{- end }}
