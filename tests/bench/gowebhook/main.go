// Command gowebhook is what the benchmarks compare with: the injection of the combined topology, written the way
// webhooks in Go usually are, on controller-runtime's admission webhook. It decodes the pod into corev1.Pod, changes
// it, marshals it and lets the library find the difference. It checks nothing and denies nothing.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"

	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/manager/signals"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func serve() error {
	var options injection
	port := flag.Int("port", 9443, "serve here, on the loopback address")
	certificates := flag.String("certificates", ".", "directory with tls.crt and tls.key")
	flag.StringVar(&options.supervisorImage, "supervisor-image", "", "the supervisor's image")
	flag.StringVar(&options.endpoint, "endpoint", "", "the gateway's endpoint")
	flag.StringVar(&options.clientTLSSecret, "client-tls-secret", "", "Secret with the client's TLS files")
	flag.StringVar(&options.mark, "mark", "", "value of the annotation "+annotationInjection)
	flag.StringVar(&options.injectedBy, "injected-by", "", "value of the annotation "+annotationInjectedBy)
	flag.Int64Var(&options.user, "sandbox-uid", 1000, "user of the sandbox")
	flag.Int64Var(&options.group, "sandbox-gid", 1000, "group of the sandbox")
	flag.Parse()

	log.SetLogger(zap.New())
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return err
	}
	server := webhook.NewServer(webhook.Options{Host: "127.0.0.1", Port: *port, CertDir: *certificates})
	server.Register("/mutate", &admission.Webhook{
		Handler: &injector{decoder: admission.NewDecoder(scheme), injection: options},
	})
	server.WebhookMux().HandleFunc("/readyz", func(writer http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(writer, "ok")
	})
	return server.Start(signals.SetupSignalHandler())
}

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "gowebhook:", err)
		os.Exit(1)
	}
}
