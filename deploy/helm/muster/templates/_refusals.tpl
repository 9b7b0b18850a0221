{{/*
What does not go together. The schema sees each value alone; what is refused here would otherwise be installed half, or do nothing.
*/}}
{{- define "muster.refusals" -}}
{{- $values := .Values }}
{{- if not (regexMatch "^[a-z]([a-z0-9-]*[a-z0-9])?$" .Release.Name) }}
{{- fail (printf "\nThe name of the release, %s, begins those of Services: a letter first, then letters, digits and hyphens." .Release.Name) }}
{{- end }}
{{- with $values.http }}
{{- if and (eq .exposedBy "gatewayApi") (not .gatewayApi.parentRefs) }}
{{- fail "\nhttp.exposedBy is gatewayApi and http.gatewayApi.parentRefs is empty: the routes would belong to no Gateway." }}
{{- end }}
{{- if and (ne .exposedBy "none") (eq (urlParse $values.publicUrl).hostname (urlParse $values.devicesUrl).hostname) }}
{{- fail "\npublicUrl and devicesUrl have the same host: by it requests of people and of devices are told apart." }}
{{- end }}
{{- end }}
{{- with $values.mqtt }}
{{- if not (or .plain .tls.existingSecret) }}
{{- fail "\nmqtt.plain is false and mqtt.tls.existingSecret is empty: no device could connect." }}
{{- end }}
{{- if .tlsRoute.enabled }}
{{- if not .tls.existingSecret }}
{{- fail "\nmqtt.tlsRoute passes TLS through, and mqtt.tls.existingSecret is empty: nobody would end it." }}
{{- end }}
{{- if not (and .tlsRoute.parentRefs .tlsRoute.hostnames) }}
{{- fail "\nmqtt.tlsRoute wants parentRefs and hostnames: it would belong to no Gateway, or take what is for others." }}
{{- end }}
{{- end }}
{{- end }}
{{- with $values.files }}
{{- if and (ne .location "claim") (ne (empty .s3.accessKeyId) (empty .s3.existingSecret)) }}
{{- fail "\nOf files.s3.accessKeyId and files.s3.existingSecret one is there: both, or neither where the machine's role has the rights." }}
{{- end }}
{{- end }}
{{- if $values.networkPolicy.enabled }}
{{- range splitList "," $values.nats.url }}
{{- include "muster.requirePort" (dict "root" $ "url" . "key" "nats.url" "use" "nats" "ports" (dict "nats" 4222 "tls" 4222)) }}
{{- end }}
{{- with $values.files.s3.endpoint }}
{{- include "muster.requirePort" (dict "root" $ "url" . "key" "files.s3.endpoint" "use" "files" "ports" (dict "http" 80 "https" 443)) }}
{{- end }}
{{- end }}
{{- if ne $values.autoscaling.by "none" }}
{{- range $name, $service := $values.services }}
{{- if gt (int (default 0 $service.replicas)) 0 }}
{{- fail (printf "\nservices.%s.replicas is %v, and autoscaling.by is %s: say services.%s.autoscaling.minReplicas and maxReplicas. (0 replicas turn a service off.)" $name $service.replicas $values.autoscaling.by $name) }}
{{- end }}
{{- $scale := (include "muster.settings" (dict "root" $ "name" $name) | fromYaml).autoscaling }}
{{- if gt (int $scale.minReplicas) (int $scale.maxReplicas) }}
{{- fail (printf "\nThe autoscaling of %s has minReplicas %d and maxReplicas %d." $name (int $scale.minReplicas) (int $scale.maxReplicas)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Our own policy must let out to where a value points. Takes dict root, url, key, use, and ports: that of each scheme. */}}
{{- define "muster.requirePort" -}}
{{- $url := urlParse (trim .url) }}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (index .ports $url.scheme) | toString }}
{{- $open := list }}
{{- range (index .root.Values.networkPolicy .use).ports }}{{ $open = append $open (toString (int .)) }}{{ end }}
{{- if not (has $port $open) }}
{{- fail (printf "\n%s leads to port %s, and networkPolicy.%s.ports has %s: our own policy would let nobody there." .key $port .use (join ", " $open)) }}
{{- end }}
{{- end }}
