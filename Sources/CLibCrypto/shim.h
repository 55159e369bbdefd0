#pragma once
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

/* Swift does not import these two macros. */
static const int selection_of_key_pair = EVP_PKEY_KEYPAIR;
static const int selection_of_public_key = EVP_PKEY_PUBLIC_KEY;
