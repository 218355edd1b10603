package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// cluster answers the few calls that the generators make; any other one ends the program.
type cluster struct {
	kubernetes.Interface
	core
}

type core struct {
	typedcorev1.CoreV1Interface
	secrets    map[string]*corev1.Secret
	configMaps map[string]*corev1.ConfigMap
}

func newCluster() *cluster {
	return &cluster{core: core{secrets: map[string]*corev1.Secret{}, configMaps: map[string]*corev1.ConfigMap{}}}
}

func (c *cluster) CoreV1() typedcorev1.CoreV1Interface { return c.core }

func (c core) Secrets(namespace string) typedcorev1.SecretInterface {
	return secrets{namespace: namespace, found: c.secrets}
}

func (c core) ConfigMaps(namespace string) typedcorev1.ConfigMapInterface {
	return configMaps{namespace: namespace, found: c.configMaps}
}

type secrets struct {
	typedcorev1.SecretInterface
	namespace string
	found     map[string]*corev1.Secret
}

func missing(resource, name string) error {
	return apierrors.NewNotFound(schema.GroupResource{Resource: resource}, name)
}

func (s secrets) Get(_ context.Context, name string, _ metav1.GetOptions) (*corev1.Secret, error) {
	if found, ok := s.found[s.namespace+"/"+name]; ok {
		return found, nil
	}
	return nil, missing("secrets", name)
}

func (s secrets) Create(_ context.Context, secret *corev1.Secret, _ metav1.CreateOptions) (*corev1.Secret, error) {
	s.found[s.namespace+"/"+secret.Name] = secret
	return secret, nil
}

func (s secrets) Update(_ context.Context, secret *corev1.Secret, _ metav1.UpdateOptions) (*corev1.Secret, error) {
	s.found[s.namespace+"/"+secret.Name] = secret
	return secret, nil
}

func (s secrets) Delete(_ context.Context, name string, _ metav1.DeleteOptions) error {
	if _, ok := s.found[s.namespace+"/"+name]; !ok {
		return missing("secrets", name)
	}
	delete(s.found, s.namespace+"/"+name)
	return nil
}

type configMaps struct {
	typedcorev1.ConfigMapInterface
	namespace string
	found     map[string]*corev1.ConfigMap
}

func (c configMaps) Get(_ context.Context, name string, _ metav1.GetOptions) (*corev1.ConfigMap, error) {
	if found, ok := c.found[c.namespace+"/"+name]; ok {
		return found, nil
	}
	return nil, missing("configmaps", name)
}
