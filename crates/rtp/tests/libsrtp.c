/* libsrtp as a counterpart: one line in, one line out.
 * Arguments: suite, master key with its salt in hex, and optionally the MKI in hex.
 * A line is a verb and a packet in hex; the answer is the packet in hex, or "refused" and libsrtp's number. */
#include <srtp2/srtp.h>
#include <stdio.h>
#include <string.h>

enum { ROOM = 4096 };

static size_t read_hex(const char *text, unsigned char *out)
{
    size_t length = 0;
    unsigned int byte;
    while (length < ROOM / 2 && sscanf(text + 2 * length, "%2x", &byte) == 1)
        out[length++] = (unsigned char)byte;
    return length;
}

static int set_suite(const char *name, srtp_policy_t *policy)
{
    if (!strcmp(name, "AES_CM_128_HMAC_SHA1_80")) {
        srtp_crypto_policy_set_rtp_default(&policy->rtp);
        srtp_crypto_policy_set_rtcp_default(&policy->rtcp);
    } else if (!strcmp(name, "AES_CM_128_HMAC_SHA1_32")) {
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&policy->rtp);
        srtp_crypto_policy_set_rtcp_default(&policy->rtcp);
    } else if (!strcmp(name, "AES_256_CM_HMAC_SHA1_80")) {
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy->rtp);
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy->rtcp);
    } else if (!strcmp(name, "AES_256_CM_HMAC_SHA1_32")) {
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32(&policy->rtp);
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy->rtcp);
    } else if (!strcmp(name, "AEAD_AES_128_GCM")) {
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy->rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy->rtcp);
    } else if (!strcmp(name, "AEAD_AES_256_GCM")) {
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy->rtp);
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy->rtcp);
    } else {
        return 0;
    }
    return 1;
}

static srtp_t session(srtp_policy_t policy, srtp_ssrc_type_t direction)
{
    srtp_t made = NULL;
    policy.ssrc.type = direction;
    if (srtp_create(&made, &policy) != srtp_err_status_ok)
        fprintf(stderr, "this libsrtp does not take the suite\n");
    return made;
}

int main(int count, char **arguments)
{
    static unsigned char key[ROOM], mki[ROOM], packet[ROOM];
    static char line[2 * ROOM + 16];
    srtp_policy_t policy;
    srtp_master_key_t master, *masters[1] = { &master };
    memset(&policy, 0, sizeof policy);
    if (count < 3 || srtp_init() != srtp_err_status_ok || !set_suite(arguments[1], &policy))
        return 1;
    policy.window_size = 1024;
    read_hex(arguments[2], key);
    if (count > 3) {
        master.key = key;
        master.mki_id = mki;
        master.mki_size = (unsigned int)read_hex(arguments[3], mki);
        policy.keys = masters;
        policy.num_master_keys = 1;
    } else {
        policy.key = key;
    }
    unsigned int named = count > 3;
    srtp_t sends = session(policy, ssrc_any_outbound), receives = session(policy, ssrc_any_inbound);
    if (!sends || !receives)
        return 1;
    while (fgets(line, sizeof line, stdin)) {
        char *text = strchr(line, ' ');
        if (!text)
            return 1;
        *text++ = 0;
        int length = (int)read_hex(text, packet);
        srtp_err_status_t status = srtp_err_status_fail;
        if (!strcmp(line, "protect-rtp"))
            status = srtp_protect_mki(sends, packet, &length, named, 0);
        else if (!strcmp(line, "protect-rtcp"))
            status = srtp_protect_rtcp_mki(sends, packet, &length, named, 0);
        else if (!strcmp(line, "open-rtp"))
            status = srtp_unprotect_mki(receives, packet, &length, named);
        else if (!strcmp(line, "open-rtcp"))
            status = srtp_unprotect_rtcp_mki(receives, packet, &length, named);
        if (status != srtp_err_status_ok) {
            printf("refused %d\n", status);
        } else {
            for (int at = 0; at < length; at++)
                printf("%02x", packet[at]);
            printf("\n");
        }
        fflush(stdout);
    }
    return 0;
}
